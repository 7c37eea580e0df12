import { useSyncExternalStore } from "react";

/** What a person chose for themselves, kept in this browser only. */
interface Chosen {
  theme: "system" | "light" | "dark";
  /** `local`, or a name of the IANA time zone database. */
  zone: string;
}

const DEFAULTS: Chosen = { theme: "system", zone: "local" };
const listeners = new Set<() => void>();

const zones = new Map<string, boolean>();

/** Whether this browser knows a zone: another one, or a newer one, may know fewer. */
function isZone(name: string): boolean {
  let known = zones.get(name);
  if (known === undefined) {
    try {
      known = name === "local" || Boolean(new Intl.DateTimeFormat(undefined, { timeZone: name }));
    } catch {
      known = false;
    }
    zones.set(name, known);
  }
  return known;
}

function read<K extends keyof Chosen>(name: K): Chosen[K] {
  try {
    const kept = localStorage.getItem(`faregate.${name}`) as Chosen[K] | null;
    return kept === null || (name === "zone" && !isZone(kept)) ? DEFAULTS[name] : kept;
  } catch {
    return DEFAULTS[name];
  }
}

export function choose<K extends keyof Chosen>(name: K, value: Chosen[K]): void {
  try {
    localStorage.setItem(`faregate.${name}`, value);
  } catch {
    // A browser that keeps nothing still shows what was chosen until it is closed.
  }
  if (name === "theme") paint();
  listeners.forEach((each) => each());
}

export function useChosen<K extends keyof Chosen>(name: K): Chosen[K] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => read(name),
  );
}

export function chosenZone(): string {
  return read("zone");
}

function paint(): void {
  const chosen = read("theme");
  const dark = chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

export function toggleTheme(): void {
  choose("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}
