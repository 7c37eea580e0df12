import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { problemOf } from "../client/api";
import { notifyProblem, Toasts } from "../shared/toasts";
import { router } from "./routes";
import { SessionGate } from "./session";

const FINAL = new Set(["invalid_request", "not_found", "call_not_found", "permission_denied", "session_over"]);

const queries = new QueryClient({
  queryCache: new QueryCache(),
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      if (!mutation.meta?.["quiet"]) notifyProblem(error);
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      gcTime: 5 * 60_000,
      retry: (times, error) => times < 2 && !FINAL.has(problemOf(error).code),
      refetchOnWindowFocus: true,
    },
  },
});

export function App() {
  return (
    <StrictMode>
      <QueryClientProvider client={queries}>
        <SessionGate>
          <RouterProvider router={router} />
        </SessionGate>
        <Toasts />
      </QueryClientProvider>
    </StrictMode>
  );
}
