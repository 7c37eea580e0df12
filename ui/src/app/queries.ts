import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { problemOf } from "../client/api";
import { notifyProblem } from "../shared/toasts";

const FINAL = new Set(["invalid_request", "not_found", "call_not_found", "permission_denied", "session_over"]);

/** What was asked of the API, for a while. */
export const queries = new QueryClient({
  queryCache: new QueryCache(),
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      if (!mutation.meta?.["quiet"]) notifyProblem(error);
    },
  }),
  // A browser that is offline may still reach a gateway on its own machine: it asks, and says so if not.
  defaultOptions: {
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      staleTime: 10_000,
      gcTime: 5 * 60_000,
      retry: (times, error) => times < 2 && !FINAL.has(problemOf(error).code),
      refetchOnWindowFocus: true,
    },
  },
});
