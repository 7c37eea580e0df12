const KEPT = "faregate.ledger-zone";

// What is asked before the session is known is asked by the zone of the last one.
let zone = kept() ?? "UTC";
let begun = "";
let written: Intl.DateTimeFormat | null = null;

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** Whose days the sums are of, from the session; since when (Unix seconds), where not all of them are. */
export function useLedgerZone(name: string, since: number | null = null): void {
  zone = name;
  written = null;
  begun = since ? ledgerDay(0, since * 1000) : "";
  try {
    localStorage.setItem(KEPT, name);
  } catch {
    // A browser that keeps nothing asks once more.
  }
}

/** The first day that is one of the ledger's zone, where a stretch from `first` on has others before it. */
export function otherDaysBefore(first: string): string | null {
  return first < begun ? begun : null;
}

/** Whose days the sums are of: the same for everybody, wherever they look from. */
export function ledgerZone(): string {
  return zone;
}

/** All calendar days from one to another, both included. */
export function daysBetween(first: string, last: string): string[] {
  const found: string[] = [];
  const end = Date.parse(`${last}T00:00:00Z`);
  for (let at = Date.parse(`${first}T00:00:00Z`); at <= end && found.length < 800; at += 86_400_000)
    found.push(new Date(at).toISOString().slice(0, 10));
  return found;
}

/** Today in the ledger's zone, or so many days before, as the sums name it. */
export function ledgerDay(back = 0, now = Date.now()): string {
  written ??= formatIn(zone);
  const found = new Map(written.formatToParts(now).map((part) => [part.type, part.value]));
  return daysAfter(`${found.get("year")}-${found.get("month")}-${found.get("day")}`, -back);
}

function formatIn(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name, year: "numeric", month: "2-digit", day: "2-digit" });
  } catch {
    return formatIn("UTC"); // a zone that this browser is too old for
  }
}

/** The day after. */
export function nextDay(text: string): string {
  return daysAfter(text, 1);
}

/** The day before. */
export function dayBefore(text: string): string {
  return daysAfter(text, -1);
}

function daysAfter(text: string, count: number): string {
  return new Date(Date.parse(`${text}T00:00:00Z`) + count * 86_400_000).toISOString().slice(0, 10);
}

/** Whether a filter of the log is a day of the sums, and no instant. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text);
}

/** So many days as an address says; `usual` where it says nothing that can be meant. */
export function daysOf(text: string | undefined, usual: number): number {
  const found = Number(text);
  return Number.isInteger(found) && found >= 1 && found <= 366 ? found : usual;
}
