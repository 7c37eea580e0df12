import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Download, Radio } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { Refresh, Top } from "../../app/Shell";
import { stringifySearch } from "../../app/search";
import { type Call, type CallQuery, gateway } from "../../client/api";
import { Button, Dot, ErrorBox, Menu } from "../../shared/kit";
import { askCall, askCalls, MANY, PAGE, queryOf, read } from "./ask";
import { CallDrawer } from "./CallDrawer";
import { CallTable } from "./CallTable";
import { Filters } from "./Filters";
import { merged, newer, noEarlier } from "./tail";
import "./logs.css";

const route = getRouteApi("/logs");
/** So many live calls are kept; then the log begins anew. */
const MOST_LIVE = 20_000;

export function LogsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const live = search.live === "1";
  const query = useMemo(() => queryOf(search), [search]);
  const calls = useInfiniteQuery(askCalls(query));
  const pages = calls.data?.pages;
  const loaded = useMemo(() => pages?.flatMap((page) => page.data) ?? [], [pages]);
  // A filter without an index is looked for in parts: live, only what is new is looked through.
  const began = pages?.some((page) => page.searched_to) ? pages[0]?.at : undefined;
  const tail = useTail(query, live && calls.isSuccess, loaded, began);
  const joined = live || tail.dataUpdatedAt > calls.dataUpdatedAt;
  const rows = useMemo(() => (joined ? merged(tail.data ?? [], loaded) : loaded), [tail.data, loaded, joined]);
  const refresh = () => {
    if ((pages?.length ?? 0) > MANY) void queries.resetQueries({ queryKey: ["calls", query] });
    else void calls.refetch();
  };
  const error = calls.error ?? (live ? tail.error : null);

  const shown = useRef(search.call);
  shown.current = search.call;
  const open = useCallback(
    (call: string | undefined) =>
      void navigate({ search: (before) => ({ ...before, call }), replace: Boolean(call && shown.current) }),
    [navigate],
  );
  const point = useCallback((call: string) => void queries.prefetchQuery(askCall(call)), [queries]);
  const opened = rows.findIndex((each) => each.call_id === search.call);
  const after = opened < 0 ? undefined : rows[opened + 1]?.call_id;
  useEffect(() => {
    if (!after) return;
    const timer = window.setTimeout(() => point(after), 120); // whoever reads one reads the next
    return () => window.clearTimeout(timer);
  }, [after, point]);
  const neighbour = (step: number) => {
    const next = rows[opened + step];
    if (opened >= 0 && next) open(next.call_id);
    const beyond = rows[opened + 2 * step];
    if (opened >= 0 && beyond) point(beyond.call_id);
  };
  return (
    <>
      <Top title="Logs">
        <Button
          small
          aria-pressed={live}
          onClick={() => {
            if (live) refresh();
            void navigate({ search: (before) => ({ ...before, live: live ? undefined : "1" }), replace: true });
          }}
        >
          {live ? <Dot tone={error ? "bad" : "good"} live={!error} /> : <Radio size={13} aria-hidden />} Live
        </Button>
        <Export query={query} />
        <Refresh busy={calls.isFetching && !calls.isFetchingNextPage} onClick={refresh} />
      </Top>
      <main className="content full">
        <Filters search={search} />
        {error && (
          <div className="pad">
            <ErrorBox error={error} retry={() => void (!calls.error ? tail.refetch() : calls.isFetchNextPageError ? calls.fetchNextPage() : calls.refetch())} />
          </div>
        )}
        {(calls.data || !calls.error) && (
          <CallTable
            rows={rows}
            loading={calls.isPending}
            more={calls.hasNextPage}
            stopped={calls.isError}
            searchedTo={calls.hasNextPage ? (pages?.at(-1)?.searched_to ?? null) : null}
            loadMore={() => {
              if (!calls.isFetchingNextPage && !calls.isError) void calls.fetchNextPage();
            }}
            chosen={search.call}
            onOpen={open}
            onPoint={point}
            narrowed={Object.keys(query).length > 0}
          />
        )}
      </main>
      {search.call && (
        <CallDrawer
          key={search.call}
          id={search.call}
          row={rows.find((each) => each.call_id === search.call)}
          onClose={() => open(undefined)}
          onStep={neighbour}
        />
      )}
    </>
  );
}

/** How far before the last look a call may have started that is found by the next, and by every tenth. */
const LATE = 60_000;
const VERY_LATE = 600_000;

/** The calls that came since the log was loaded, newest first; of those since `began`, where that is told. */
function useTail(query: CallQuery, on: boolean, loaded: readonly Call[], began: number | undefined) {
  const queries = useQueryClient();
  const looks = useRef(0);
  const last = useRef({ query, at: began });
  if (last.current.query !== query) last.current = { query, at: began };
  const queryKey = ["tail", query];
  return useQuery({
    queryKey,
    enabled: on,
    queryFn: async ({ signal }) => {
      const before = queries.getQueryData<Call[]>(queryKey) ?? [];
      const known = new Set([...before, ...loaded].map((each) => each.call_id));
      const far = ++looks.current % 10 === 0; // now and then further back, for slow calls
      const from = last.current.at;
      const since =
        from === undefined ? query.since : noEarlier(query.since, from - (far ? VERY_LATE : LATE), from);
      let asked = 0;
      let inParts = from !== undefined;
      const ask = async (cursor: string | undefined, limit: number) => {
        const page = await read({ ...query, since }, cursor, limit, signal);
        if (!cursor) asked = page.at;
        inParts ||= page.searched_to !== null;
        return page;
      };
      const { found, whole } = await newer(ask, known, far ? 5 * PAGE : PAGE);
      if (whole && inParts) last.current.at = asked; // what is before it was looked through
      if (whole && before.length + found.length <= MOST_LIVE) return found.length ? merged(found, before) : before;
      void queries.resetQueries({ queryKey: ["calls", query] });
      return [];
    },
    refetchInterval: 1500,
    retry: false,
    structuralSharing: false,
    gcTime: 0,
  });
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
