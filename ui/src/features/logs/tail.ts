import type { Call } from "../../client/api";

interface Page {
  data: readonly Call[];
  next: string | null;
  /** How far back was looked, where that ended the page. */
  searched_to?: string | null;
}

/** Reads a page of the log, newest first. */
export type Read = (cursor: string | undefined, limit: number) => Promise<Page>;

const PAGE = 100;
const MOST_PAGES = 20;
/** Of a search, whose pages may be short or empty. */
const MOST_PARTS = 400;

export interface Newer {
  /** Calls that were not known, newest first. */
  found: Call[];
  /** Whether no call can be missing between them and those that were known. */
  whole: boolean;
}

/**
 * The calls that came since, however many: page after page, until one ends with a call that was
 * known. At least `look` calls are looked at, since a slow call comes in below quicker ones.
 */
export async function newer(read: Read, known: ReadonlySet<string>, look = PAGE): Promise<Newer> {
  const found: Call[] = [];
  let cursor: string | undefined;
  let seen = 0;
  for (let pages = 0, parts = 0; pages < MOST_PAGES && parts < MOST_PARTS; ) {
    const page = await read(cursor, Math.max(PAGE, look - seen));
    found.push(...page.data.filter((each) => !known.has(each.call_id)));
    seen += page.data.length;
    const last = page.data.at(-1);
    if (!page.next || (last && seen >= look && known.has(last.call_id))) return { found, whole: true };
    if (page.searched_to) parts++;
    else pages++;
    cursor = page.next;
  }
  return { found, whole: false };
}

const SPAN: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** The later of a filter's `since` (an instant, a day, a span until now) and an instant. */
export function noEarlier(since: string | null | undefined, instant: number, now: number): string {
  const span = /^(\d+)([smhdw])$/.exec(since ?? "");
  const begins = span ? now - Number(span[1]) * (SPAN[span[2] ?? ""] ?? 0) : Date.parse(since ?? "");
  return since && begins > instant ? since : new Date(instant).toISOString();
}

/** Calls of two lists in the log's order, each once; of one that is in both, the first list's. */
export function merged(some: readonly Call[], others: readonly Call[]): Call[] {
  if (!some.length || !others.length) return [...some, ...others];
  const known = new Set(some.map((each) => each.call_id));
  return [...some, ...others.filter((each) => !known.has(each.call_id))].sort(newestFirst);
}

function newestFirst(a: Call, b: Call): number {
  if (a.started !== b.started) return a.started < b.started ? 1 : -1;
  return a.call_id < b.call_id ? 1 : -1;
}
