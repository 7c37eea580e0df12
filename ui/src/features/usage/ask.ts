import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { SPEND_LISTS } from "../../app/search";
import { client } from "../../client/api";
import { daysOf, ledgerDay } from "../../shared/time";
import type { Dimension } from "./dimensions";
import { type Ask, MOST_NAMES, seriesOf } from "./series";

type Search = Record<string, string | string[] | undefined>;

/** A page of sums. */
export async function askSpend(query: Record<string, unknown>, signal?: AbortSignal) {
  const { data, error } = await client.GET("/api/spend", { params: { query }, signal });
  if (error) throw error;
  return data;
}

/** What an address of the page means, and what is asked of the API for it. */
export function asked(search: Search) {
  const text = (name: string) => (search[name] as string | undefined) || undefined;
  const by = (text("by") ?? "served_model").split(",").filter(Boolean) as Dimension[];
  const days = text("since") ? "" : String(daysOf(text("days"), 30));
  const since = text("since") ?? ledgerDay(Number(days) - 1);
  const until = text("until");
  const narrowed: Record<string, string | string[]> = {};
  for (const name of [...SPEND_LISTS, "tag"] as const) {
    const value = search[name];
    if (value !== undefined) narrowed[name] = value;
  }
  const query = { ...narrowed, since, ...(until ? { until } : {}) };
  const coloured = by.find((each): each is Exclude<Dimension, "day"> => each !== "day") ?? "served_model";
  const spend = infiniteQueryOptions({
    queryKey: ["spend", by.join(","), query],
    queryFn: ({ pageParam, signal }) => askSpend({ ...query, by: by.join(","), cursor: pageParam, limit: 200 }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });
  const series = queryOptions({
    queryKey: ["series", coloured, query, by.join(",") === coloured],
    queryFn: ({ client: queries, signal }) => {
      // The table has the dearest names on its first page, where it is by nothing else.
      const names: Ask = async (wanted) => {
        if (wanted["limit"] !== MOST_NAMES + 1 || by.join(",") !== coloured) return askSpend(wanted, signal);
        const [first] = (await queries.ensureInfiniteQueryData(spend)).pages;
        return { data: first?.data.slice(0, MOST_NAMES + 1) ?? [], next: null };
      };
      return seriesOf(names, coloured, query);
    },
  });
  return { by, days, since, until, narrowed, query, coloured, spend, series };
}
