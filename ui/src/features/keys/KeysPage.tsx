import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { KeyRound, Plus } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { client, type Key, type KeyIssued } from "../../client/api";
import { Money } from "../../shared/figures";
import { Bar, Bones, Button, Empty, ErrorBox, Input, Tag } from "../../shared/kit";
import { size } from "../../shared/money";
import { date } from "../../shared/time";
import { windowName } from "../budgets/Standing";
import { KeyDrawer, SecretModal } from "./KeyDrawer";
import { KeyForm } from "./KeyForm";

const route = getRouteApi("/keys");

export function KeysPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const [issued, setIssued] = useState<KeyIssued | null>(null);
  const { q = "", team, user } = search;
  const wanted = useDeferredValue(q);
  const keys = useInfiniteQuery({
    queryKey: ["get", "/api/keys", wanted, team, user],
    queryFn: async ({ pageParam, signal }) => {
      const { data, error } = await client.GET("/api/keys", {
        params: { query: { q: wanted, team, user, cursor: pageParam, limit: 200 } },
        signal,
      });
      if (error) throw error;
      return data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: (before) => before,
  });
  const rows = keys.data?.pages.flatMap((page) => page.data) ?? [];
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <Top title="Keys">
        <Input
          small
          type="search"
          className="auto"
          data-shortcut="/"
          aria-label="Find a key"
          placeholder="Name, id or tag…"
          value={q}
          onChange={(event) => set({ q: event.target.value || undefined })}
        />
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
            <Plus size={14} aria-hidden /> New key
          </Button>
        )}
        <Refresh busy={keys.isFetching} onClick={() => void keys.refetch()} />
      </Top>
      <main className="content">
        {keys.error && <ErrorBox error={keys.error} retry={() => void keys.refetch()} />}
        {keys.isPending ? (
          <Bones rows={8} />
        ) : rows.length === 0 && !q && !team && !user ? (
          <div className="card">
            <Empty icon={<KeyRound size={26} aria-hidden />} title="No keys yet">
              <p>Give each application a key of its own: its calls, its budget and its limits are then told apart.</p>
              {mayChange && (
                <Button kind="primary" onClick={() => set({ add: "1" })}>
                  Make the first key
                </Button>
              )}
            </Empty>
          </div>
        ) : (
          <section className="card">
            <div className="table-wrap">
              <table className="table">
                <thead>
                  <tr>
                    <th>Name</th>
                    <th>Key</th>
                    <th>Team</th>
                    <th>Owner</th>
                    <th>Models</th>
                    <th>Tightest budget</th>
                    <th>State</th>
                    <th>Made</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((each) => (
                    <KeyRow key={each.id} item={each} chosen={each.id === search.key} onOpen={() => set({ key: each.id })} />
                  ))}
                </tbody>
              </table>
            </div>
            {rows.length === 0 && <Empty title="No key is called that" />}
            {keys.hasNextPage && (
              <div className="row body">
                <Button small busy={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
                  More keys
                </Button>
              </div>
            )}
          </section>
        )}
      </main>
      {search.add && (
        <KeyForm
          onClose={() => set({ add: undefined })}
          onIssued={(made) => {
            set({ add: undefined });
            setIssued(made);
          }}
        />
      )}
      {search.key && (
        <KeyDrawer key={search.key} id={search.key} onClose={() => set({ key: undefined })} onIssued={setIssued} />
      )}
      {issued && <SecretModal issued={issued} onClose={() => setIssued(null)} />}
    </>
  );
}

function KeyRow({ item, chosen, onOpen }: { item: Key; chosen: boolean; onOpen: () => void }) {
  const tightest = [...item.budgets].sort((a, b) => (b.standing?.share ?? 0) - (a.standing?.share ?? 0))[0];
  return (
    <tr className={chosen ? "pick picked" : "pick"} onClick={onOpen}>
      <td>
        <button type="button" className="quiet-link cut" onClick={onOpen}>
          <b>{item.name || item.id}</b>
        </button>
        {item.role !== "none" && (
          <>
            {" "}
            <Tag tone="accent">{item.role}</Tag>
          </>
        )}
      </td>
      <td className="mono dim">{item.shown}</td>
      <td>
        {item.team && (
          <Link
            to="/teams"
            search={{ team: item.team }}
            className="quiet-link"
            onClick={(event) => event.stopPropagation()}
          >
            {item.team}
          </Link>
        )}
      </td>
      <td>{item.user}</td>
      <td className="dim cut">{item.models.length ? item.models.join(", ") : "every model"}</td>
      <td>
        {tightest ? (
          <div className="row">
            <div className="meter">
              <Bar
                share={size(tightest.standing?.spent) / (size(tightest.limit) || 1)}
                tone={
                  tightest.standing?.state === "exhausted" ? "bad" : tightest.standing?.state === "warning" ? "warn" : undefined
                }
              />
            </div>
            <span className="number">
              <Money value={tightest.limit} /> <span className="dim">{windowName(tightest.window)}</span>
            </span>
          </div>
        ) : (
          <span className="dim">none</span>
        )}
      </td>
      <td>
        <Tag tone={item.state === "active" ? "good" : "bad"}>{item.state}</Tag>
      </td>
      <td className="dim">{date(item.created_at)}</td>
    </tr>
  );
}
