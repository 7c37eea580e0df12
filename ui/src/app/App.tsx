import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useEffect } from "react";
import { Toasts } from "../shared/toasts";
import { askAhead, askOnRest, readAhead } from "./ahead";
import { queries } from "./queries";
import { router } from "./routes";
import { SessionGate } from "./session";

export function App() {
  return (
    <StrictMode>
      <QueryClientProvider client={queries}>
        <SessionGate>
          <Pages />
        </SessionGate>
        <Toasts />
      </QueryClientProvider>
    </StrictMode>
  );
}

function Pages() {
  useEffect(() => {
    addEventListener("pointerdown", askAhead);
    addEventListener("pointerover", askOnRest);
    const stop = readAhead();
    return () => {
      removeEventListener("pointerdown", askAhead);
      removeEventListener("pointerover", askOnRest);
      stop();
    };
  }, []);
  return <RouterProvider router={router} />;
}
