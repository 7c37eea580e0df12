import { infiniteQueryOptions } from "@tanstack/react-query";
import { CALL_LISTS, CALL_TEXTS } from "../../app/search";
import { api, type CallQuery, client } from "../../client/api";

export const PAGE = 100;
/** Calls of the first page: more than a screen shows. */
const FIRST = 60;
/** Pages that are not read again all at once. */
export const MANY = 10;

/** The filter of an address, as the API has it. */
export function queryOf(search: Record<string, string | string[] | undefined>): CallQuery {
  const found: Record<string, unknown> = {};
  for (const name of CALL_LISTS) if (search[name]?.length) found[name] = search[name];
  for (const name of CALL_TEXTS) if (search[name] !== undefined && search[name] !== "") found[name] = search[name];
  return found as CallQuery;
}

/** A page of the log, and when it was read: milliseconds of the gateway's clock, not of this one. */
export async function read(query: CallQuery, cursor: string | undefined, limit: number, signal: AbortSignal) {
  const asked = { params: { query: { ...query, cursor, limit } }, signal };
  const { data, error, response } = await client.GET("/api/calls", asked);
  if (error) throw error;
  return { ...data, at: Date.parse(response.headers.get("date") ?? "") || Date.now() };
}

/** The log, newest first. */
export function askCalls(query: CallQuery) {
  return infiniteQueryOptions({
    queryKey: ["calls", query],
    queryFn: ({ pageParam, signal }) => read(query, pageParam, pageParam ? 2 * PAGE : FIRST, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    // What took many looks is not looked for again because somebody came back to the page.
    staleTime: (query) => ((query.state.data?.pages.length ?? 0) > MANY ? Number.POSITIVE_INFINITY : 5_000),
  });
}

/** All of one call. */
export function askCall(id: string) {
  return api.queryOptions("get", "/api/calls/{call_id}", { params: { path: { call_id: id } } });
}
