import type { SpendGroup } from "../../client/api";
import type { Dimension } from "./dimensions";

type Query = Record<string, unknown>;

/** Asks for a page of sums, the dearest first. */
export type Ask = (query: Query) => Promise<{ data: readonly SpendGroup[]; next: string | null }>;

/** So many names a chart tells apart; with more the last place is for all others. */
export const MOST_NAMES = 8;

/** The name of all others. */
export const REST = "\u0000others";

export interface Series {
  /** By day and name, each of them. */
  groups: SpendGroup[];
  /** Of each day as a whole, when there are more names than those; else null. */
  days: SpendGroup[] | null;
}

/** Sums by day of the dearest names, all of them, and what the days are as a whole. */
export async function seriesOf(ask: Ask, dimension: Exclude<Dimension, "day">, query: Query): Promise<Series> {
  const daily = { ...query, by: `day,${dimension}` };
  // A call has several tags: what the others are does not follow from the day's sum.
  if (dimension === "tag") return { groups: await every(ask, daily), days: null };
  const top = await ask({ ...query, by: dimension, limit: MOST_NAMES + 1 });
  if (top.data.length <= MOST_NAMES) return { groups: await every(ask, daily), days: null };
  const names = top.data.slice(0, MOST_NAMES - 1).map((each) => each.group[dimension] ?? "");
  const [groups, days] = await Promise.all([
    every(ask, { ...daily, [dimension]: names }),
    every(ask, { ...query, by: "day" }),
  ]);
  return { groups, days };
}

async function every(ask: Ask, query: Query): Promise<SpendGroup[]> {
  const found: SpendGroup[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask({ ...query, cursor, limit: 1000 });
    found.push(...page.data);
    cursor = page.next ?? undefined;
  } while (cursor);
  return found;
}

/** Sums as columns of a chart, one for each day of `span`: those of names, and of all others. */
export function arrange(
  groups: readonly SpendGroup[],
  whole: readonly SpendGroup[] | null,
  dimension: string,
  span: readonly string[],
  of: (group: SpendGroup) => number,
) {
  const sums = new Map<string, number>();
  const found = new Map<string, SpendGroup>();
  const days = new Map<string, Map<string, number>>();
  const add = (on: string, name: string, value: number) => {
    const column = days.get(on) ?? new Map<string, number>();
    column.set(name, (column.get(name) ?? 0) + value);
    days.set(on, column);
  };
  for (const each of groups) {
    const name = each.group[dimension] ?? "";
    sums.set(name, (sums.get(name) ?? 0) + of(each));
  }
  const ranked = [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const cut = ranked.length > MOST_NAMES;
  const kept = cut ? ranked.slice(0, MOST_NAMES - 1) : ranked;
  const shown = new Set(kept);
  for (const each of groups) {
    const on = each.group["day"] ?? "";
    const name = each.group[dimension] ?? "";
    add(on, shown.has(name) ? name : REST, of(each));
    if (shown.has(name)) found.set(`${on} ${name}`, each);
  }
  for (const each of whole ?? []) {
    const on = each.group["day"] ?? "";
    const named = [...(days.get(on)?.values() ?? [])].reduce((sum, value) => sum + value, 0);
    const rest = of(each) - named;
    if (rest > of(each) * 1e-9) add(on, REST, rest); // less than that is rounding
  }
  const names = cut || whole ? [...kept, REST] : kept;
  const columns = span.map((id) => ({
    id,
    parts: names.flatMap((name) => {
      const value = days.get(id)?.get(name);
      return value === undefined ? [] : [{ name, value }];
    }),
  }));
  return { columns, names, kept, groups: found };
}
