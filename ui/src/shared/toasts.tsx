import { AlertTriangle, CheckCircle2 } from "lucide-react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import { problemOf } from "../client/api";

interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
}

let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function put(next: readonly Toast[]): void {
  toasts = next;
  listeners.forEach((each) => each());
}

/** Say something for a few seconds. */
export function notify(text: string, tone: Toast["tone"] = "good"): void {
  const id = ++last;
  put([...toasts.slice(-3), { id, text, tone }]);
  setTimeout(() => put(toasts.filter((each) => each.id !== id)), tone === "bad" ? 8000 : 3500);
}

/** Say what went wrong. */
export function notifyProblem(error: unknown): void {
  notify(problemOf(error).message, "bad");
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    // As a popover it is above dialogs, too.
    if (box.matches(":popover-open")) box.hidePopover();
    if (shown.length) box.showPopover();
  }, [shown]);
  return (
    <div className="toasts" popover="manual" ref={ref} role="status" aria-live="polite">
      {shown.map((each) => (
        <div key={each.id} className="toast">
          {each.tone === "good" ? (
            <CheckCircle2 size={16} color="var(--good)" aria-hidden />
          ) : (
            <AlertTriangle size={16} color="var(--bad)" aria-hidden />
          )}
          <span className="grow">{each.text}</span>
        </div>
      ))}
    </div>
  );
}
