import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useState } from "react";
import { client, onSessionOver, problemOf, type Session, useCsrf } from "../client/api";
import { notify } from "../shared/toasts";
import { useLedgerZone } from "../shared/days";
import { SignIn } from "./SignIn";

interface Signed {
  session: Session;
  /** Whether everything may be read, and not only what is one's own. */
  seesAll: boolean;
  mayChange: boolean;
  signOut: () => void;
}

const Context = createContext<Signed | null>(null);

export function useSession(): Signed {
  const found = use(Context);
  if (!found) throw new Error("nobody is signed in");
  return found;
}

type State = { kind: "asking" } | { kind: "out"; why: string } | { kind: "in"; session: Session };

// Asked for while the rest of the page is still being read.
const first = client.GET("/api/session");
const RENEW = 30 * 60_000;

export function SessionGate({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<State>({ kind: "asking" });

  const enter = useCallback((session: Session) => {
    useCsrf(session.csrf);
    useLedgerZone(session.zone ?? "UTC", session.zone_since);
    setState({ kind: "in", session });
  }, []);

  useEffect(() => {
    let current = true;
    first
      .then(({ data, error }) => {
        if (!current) return;
        if (data) enter(data);
        else {
          const { code, message } = problemOf(error);
          setState({ kind: "out", why: code === "not_signed_in" ? "" : message });
        }
      })
      .catch((error: unknown) => current && setState({ kind: "out", why: problemOf(error).message }));
    return () => {
      current = false;
    };
  }, [enter]);

  useEffect(() => {
    onSessionOver(() => {
      queries.clear();
      setState((now) => (now.kind === "in" ? { kind: "out", why: "Your session is over. Sign in again." } : now));
    });
    const timer = setInterval(() => {
      void client.GET("/api/session").then(({ data }) => data && useCsrf(data.csrf)).catch(() => undefined);
    }, RENEW);
    return () => clearInterval(timer);
  }, [queries]);

  const signOut = useCallback(() => {
    // Nobody is told they are out while the cookie still lets them in.
    client
      .DELETE("/api/session")
      .then(({ error, response }) => {
        if (error && response.status !== 401) throw error;
        queries.clear();
        setState({ kind: "out", why: "" });
      })
      .catch((error: unknown) => notify(`You are still signed in. ${problemOf(error).message}`, "bad"));
  }, [queries]);

  const signed = useMemo<Signed | null>(() => {
    if (state.kind !== "in") return null;
    const { role } = state.session;
    return { session: state.session, seesAll: role !== "none", mayChange: role === "admin", signOut };
  }, [state, signOut]);

  if (state.kind === "asking") return <Booting />;
  if (!signed) return <SignIn why={state.kind === "out" ? state.why : ""} onSignedIn={enter} />;
  return <Context value={signed}>{children}</Context>;
}

/** What the page shows before anything is known: the same as index.html, so that nothing moves. */
function Booting() {
  return (
    <div className="shell boot" aria-hidden="true">
      <div className="side">
        <span className="brand">
          <img src="favicon.svg" alt="" />
          Faregate
        </span>
      </div>
    </div>
  );
}
