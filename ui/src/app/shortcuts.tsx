import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Modal } from "../shared/kit";
import { toggleTheme } from "../shared/settings";
import { PLACES } from "./places";
import { useSession } from "./session";

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** Keys that work on every page. A page's own have `data-shortcut` on what they press. */
export function useShortcuts({ palette, help }: { palette: () => void; help: () => void }): void {
  const navigate = useNavigate();
  const { seesAll } = useSession();
  const went = useRef(0);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        if (!document.querySelector("dialog[open]")) palette();
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      const going = Date.now() - went.current < 1200;
      went.current = 0;
      if (going) {
        const place = PLACES.find((each) => each.letter === event.key && (seesAll || each.own));
        if (place) {
          event.preventDefault();
          void navigate({ to: place.to });
        }
      } else if (event.key === "g") went.current = Date.now();
      else if (event.key === "?") help();
      else if (event.key === "d") toggleTheme();
      else {
        const found = document.querySelector<HTMLElement>(`[data-shortcut="${CSS.escape(event.key)}"]`);
        if (!found) return;
        event.preventDefault();
        if (isTyping(found)) found.focus();
        else found.click();
      }
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [navigate, palette, help, seesAll]);
}

export function Shortcuts({ onClose }: { onClose: () => void }) {
  const { seesAll } = useSession();
  const general: [string[], string][] = [
    [["Ctrl", "K"], "Search everything"],
    [["?"], "This list"],
    [["/"], "Find on this page"],
    [["r"], "Refresh"],
    [["n"], "New: model, price, key, team, user, budget"],
    [["d"], "Dark or light"],
    [["Esc"], "Close what is open"],
    [["f"], "Add a filter (Logs)"],
    [["j"], "Next call (Logs)"],
    [["k"], "Call before (Logs)"],
    [["↵"], "Open the call (Logs)"],
    [["Ctrl", "↵"], "Run (Playground)"],
  ];
  return (
    <Modal title="Keyboard shortcuts" onClose={onClose}>
      <div className="body column">
        <div className="keys-list">
          {general.map(([keys, what]) => (
            <div key={what}>
              <span>{what}</span>
              <span className="row">{keys.map((each) => <kbd key={each}>{each}</kbd>)}</span>
            </div>
          ))}
        </div>
        <h3>Go to</h3>
        <div className="keys-list">
          {PLACES.filter((each) => seesAll || each.own).map((each) => (
            <div key={each.to}>
              <span>{each.title}</span>
              <span className="row">
                <kbd>g</kbd>
                <kbd>{each.letter}</kbd>
              </span>
            </div>
          ))}
        </div>
      </div>
    </Modal>
  );
}
