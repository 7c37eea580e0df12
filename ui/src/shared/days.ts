/** All calendar days from one to another, both included. */
export function daysBetween(first: string, last: string): string[] {
  const found: string[] = [];
  const end = Date.parse(`${last}T00:00:00Z`);
  for (let at = Date.parse(`${first}T00:00:00Z`); at <= end && found.length < 800; at += 86_400_000)
    found.push(new Date(at).toISOString().slice(0, 10));
  return found;
}

/** Today, or so many days before, as the sums name it. */
export function utcDay(back = 0, now = Date.now()): string {
  return new Date(now - back * 86_400_000).toISOString().slice(0, 10);
}

/** The first instant of a day of the sums. */
export function dayStart(text: string): string {
  return `${text}T00:00:00Z`;
}

/** The day after. */
export function nextDay(text: string): string {
  return utcDay(-1, Date.parse(`${text}T00:00:00Z`));
}
