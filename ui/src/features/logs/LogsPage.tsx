import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Download, Radio } from "lucide-react";
import { useMemo } from "react";
import { Refresh, Top } from "../../app/Shell";
import { CALL_LISTS, CALL_TEXTS, stringifySearch } from "../../app/search";
import { api, type CallQuery, client, gateway } from "../../client/api";
import { Button, Dot, ErrorBox, Menu } from "../../shared/kit";
import { CallDrawer } from "./CallDrawer";
import { CallTable } from "./CallTable";
import { Filters } from "./Filters";
import "./logs.css";

const route = getRouteApi("/logs");
const PAGE = 100;

export function LogsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const live = search.live === "1";
  const query = useMemo(() => queryOf(search), [search]);
  const calls = useInfiniteQuery({
    queryKey: ["calls", query],
    queryFn: async ({ pageParam, signal }) => {
      const { data, error } = await client.GET("/api/calls", {
        params: { query: { ...query, cursor: pageParam, limit: PAGE } },
        signal,
      });
      if (error) throw error;
      return data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 5_000,
  });
  const newest = api.useQuery(
    "get",
    "/api/calls",
    { params: { query: { ...query, limit: PAGE } } },
    { enabled: live, refetchInterval: 1500, refetchOnWindowFocus: true },
  );
  const rows = useMemo(() => {
    const found = calls.data?.pages.flatMap((page) => page.data) ?? [];
    if (!live || !newest.data) return found;
    const known = new Set(found.map((each) => each.call_id));
    return [...newest.data.data.filter((each) => !known.has(each.call_id)), ...found];
  }, [calls.data, newest.data, live]);

  const open = (call: string | undefined) =>
    void navigate({ search: (before) => ({ ...before, call }), replace: Boolean(call && search.call) });
  const neighbour = (step: number) => {
    const at = rows.findIndex((each) => each.call_id === search.call);
    const next = rows[at + step];
    if (at >= 0 && next) open(next.call_id);
  };
  return (
    <>
      <Top title="Logs">
        <Button
          small
          aria-pressed={live}
          onClick={() => void navigate({ search: (before) => ({ ...before, live: live ? undefined : "1" }), replace: true })}
        >
          {live ? <Dot tone="good" live /> : <Radio size={13} aria-hidden />} Live
        </Button>
        <Export query={query} />
        <Refresh busy={calls.isFetching && !calls.isFetchingNextPage} onClick={() => void calls.refetch()} />
      </Top>
      <main className="content full">
        <Filters search={search} />
        {calls.error && (
          <div className="pad">
            <ErrorBox error={calls.error} retry={() => void calls.refetch()} />
          </div>
        )}
        <CallTable
          rows={rows}
          loading={calls.isPending}
          more={calls.hasNextPage}
          loadMore={() => {
            if (!calls.isFetchingNextPage) void calls.fetchNextPage();
          }}
          chosen={search.call}
          onOpen={open}
          narrowed={Object.keys(query).length > 0}
        />
      </main>
      {search.call && (
        <CallDrawer
          key={search.call}
          id={search.call}
          onClose={() => open(undefined)}
          onStep={neighbour}
        />
      )}
    </>
  );
}

/** The filter of an address, as the API has it. */
export function queryOf(search: Record<string, string | string[] | undefined>): CallQuery {
  const found: Record<string, unknown> = {};
  for (const name of CALL_LISTS) if (search[name]?.length) found[name] = search[name];
  for (const name of CALL_TEXTS) if (search[name] !== undefined && search[name] !== "") found[name] = search[name];
  return found as CallQuery;
}

function Export({ query }: { query: CallQuery }) {
  const address = (format: string) => `${gateway}/api/calls/export${stringifySearch({ ...query, format })}`;
  return (
    <Menu
      label="Export"
      right
      trigger={
        <Button small aria-haspopup="menu">
          <Download size={13} aria-hidden /> Export
        </Button>
      }
    >
      {(close) => (
        <>
          <div className="title">All calls that fit the filter</div>
          {(
            [
              ["csv", "CSV"],
              ["json", "JSON, a line each"],
              ["parquet", "Parquet"],
            ] as const
          ).map(([format, title]) => (
            <a key={format} role="menuitem" className="item" href={address(format)} download onClick={close}>
              {title}
            </a>
          ))}
        </>
      )}
    </Menu>
  );
}
