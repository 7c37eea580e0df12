import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { History, X } from "lucide-react";
import { Refresh, Top } from "../../app/Shell";
import { type AuditEntry, client } from "../../client/api";
import { Time } from "../../shared/figures";
import { Bones, Button, Empty, ErrorBox, Select, Tag } from "../../shared/kit";
import "./settings.css";

const route = getRouteApi("/audit");
const KINDS = ["key", "team", "user", "budget", "limit", "price", "model"];

export function AuditPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const audit = useInfiniteQuery({
    queryKey: ["audit", search],
    queryFn: async ({ pageParam, signal }) => {
      const { data, error } = await client.GET("/api/audit", {
        params: { query: { ...search, cursor: pageParam, limit: 100 } },
        signal,
      });
      if (error) throw error;
      return data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });
  const rows = audit.data?.pages.flatMap((page) => page.data) ?? [];
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <Top title="Audit log">
        <Select
          small
          className="auto"
          aria-label="Of what"
          value={search.kind ?? ""}
          options={[{ value: "", label: "everything" }, ...KINDS]}
          onChange={(event) => set({ kind: event.target.value || undefined })}
        />
        <Refresh busy={audit.isFetching} onClick={() => void audit.refetch()} />
      </Top>
      <main className="content">
        {(search.id || search.actor) && (
          <div className="row wrap">
            {(["id", "actor"] as const).map(
              (name) =>
                search[name] && (
                  <span className="chip" key={name}>
                    <span className="cut">
                      {name}: <b>{search[name]}</b>
                    </span>
                    <button type="button" aria-label={`Without ${name}`} onClick={() => set({ [name]: undefined })}>
                      <X size={12} />
                    </button>
                  </span>
                ),
            )}
          </div>
        )}
        {audit.error && <ErrorBox error={audit.error} retry={() => void audit.refetch()} />}
        {audit.isPending ? (
          <Bones rows={10} />
        ) : (
          <section className="card audit">
            {rows.length === 0 && (
              <Empty icon={<History size={26} aria-hidden />} title="No changes yet">
                <p>Every change of a key, team, budget or price is written here, with who made it, and never removed.</p>
              </Empty>
            )}
            {rows.map((each) => (
              <Entry key={each.sequence} entry={each} />
            ))}
            {audit.hasNextPage && (
              <div className="body">
                <Button small busy={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
                  More changes
                </Button>
              </div>
            )}
          </section>
        )}
      </main>
    </>
  );
}

const TONES = { create: "good", update: "info", delete: "bad" } as const;

function Entry({ entry }: { entry: AuditEntry }) {
  const before = entry.before ?? {};
  const after = entry.after ?? {};
  const fields = entry.action === "update" ? entry.changed : Object.keys(entry.after ?? entry.before ?? {});
  return (
    <details>
      <summary>
        <span className="soft">
          <Time at={entry.at} />
        </span>
        <span>
          <Tag tone={TONES[entry.action as keyof typeof TONES]}>{entry.action}</Tag>
        </span>
        <span className="cut">
          {entry.kind} <b>{entry.id}</b>
        </span>
        <span className="dim cut">{entry.changed.join(", ")}</span>
        <span className="soft cut">by {entry.actor}</span>
      </summary>
      <div className="row wrap changes-links">
        <Link to="/audit" search={{ actor: entry.actor }} className="link">
          All changes by {entry.actor}
        </Link>
        <Link to="/audit" search={{ kind: entry.kind, id: entry.id }} className="link">
          All changes of this {entry.kind}
        </Link>
      </div>
      <div className="changes mono">
        {fields
          .filter((name) => name === "secret" || JSON.stringify(before[name]) !== JSON.stringify(after[name]))
          .map((name) => [
            <span key={name} className="dim">
              {name}
            </span>,
            <span key={`${name} value`}>
              {name === "secret" ? (
                <ins>replaced</ins>
              ) : (
                <>
                  {before[name] !== undefined && <del>{JSON.stringify(before[name])}</del>}{" "}
                  {after[name] !== undefined && <ins>{JSON.stringify(after[name])}</ins>}
                </>
              )}
            </span>,
          ])}
      </div>
    </details>
  );
}
