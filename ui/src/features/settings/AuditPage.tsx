import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { History, X } from "lucide-react";
import { Fragment, type ReactNode } from "react";
import { Refresh, Top } from "../../app/Shell";
import { type AuditEntry, client } from "../../client/api";
import { Time } from "../../shared/figures";
import { Bones, Button, Empty, ErrorBox, Select, Tag } from "../../shared/kit";
import { count } from "../../shared/numbers";
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
        {!audit.data ? (
          !audit.error && <Bones rows={10} />
        ) : (
          <section className="card audit">
            {rows.length === 0 && (
              <Empty icon={<History size={26} aria-hidden />} title={search.kind || search.id || search.actor ? "No change fits" : "No changes yet"}>
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
const INSTANTS = new Set(["expires_at", "previous_until", "effective_from", "effective_to", "observed_at"]);
const KEPT = new Set(["created_at", "updated_at"]);

function Entry({ entry }: { entry: AuditEntry }) {
  const before = entry.before ?? {};
  const after = entry.after ?? {};
  const fields = entry.action === "update" ? entry.changed : Object.keys(entry.after ?? entry.before ?? {});
  const rows = fields.filter(
    (name) =>
      name === "secret" ||
      (!KEPT.has(name) &&
        !(isEmpty(before[name]) && isEmpty(after[name])) &&
        !(name === "previous_until" && !before[name] && !after[name]) &&
        JSON.stringify(before[name]) !== JSON.stringify(after[name])),
  );
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
          <span className="dim">{entry.kind}</span> <b>{entry.id}</b>
        </span>
        <span className="dim cut">{entry.changed.join(", ")}</span>
        <span className="soft cut">by {entry.actor}</span>
      </summary>
      <div className="changes">
        {rows.map((name) => (
          <Fragment key={name}>
            <span className="dim mono">{name}</span>
            <span>
              {name === "secret" ? (
                <ins>replaced</ins>
              ) : (
                <>
                  {!isEmpty(before[name]) && (
                    <del>
                      <Value name={name} value={before[name]} />
                    </del>
                  )}{" "}
                  {!isEmpty(after[name]) && (
                    <ins>
                      <Value name={name} value={after[name]} />
                    </ins>
                  )}
                  {entry.action === "update" && isEmpty(after[name]) && <span className="dim">taken away</span>}
                </>
              )}
            </span>
          </Fragment>
        ))}
      </div>
      <div className="row wrap links">
        {entry.action !== "delete" && <ThingLink kind={entry.kind} id={entry.id} />}
        <Link to="/audit" search={{ kind: entry.kind, id: entry.id }} className="link">
          Every change of this {entry.kind}
        </Link>
        <Link to="/audit" search={(old) => ({ ...old, actor: entry.actor })} className="link">
          Every change by {entry.actor}
        </Link>
        <Link to="/audit" search={(old) => ({ ...old, actor: entry.actor })} className="link">
          Every change by {entry.actor}
        </Link>
        <span className="dim">
          change {count(entry.sequence)}, version {count(entry.version)}
        </span>
      </div>
    </details>
  );
}

function ThingLink({ kind, id }: { kind: string; id: string }) {
  if (kind === "key") return <Link to="/keys" search={{ key: id }} className="link">Open the key</Link>;
  if (kind === "team") return <Link to="/teams" search={{ team: id }} className="link">Open the team</Link>;
  if (kind === "user") return <Link to="/users" search={{ user: id }} className="link">Open the user</Link>;
  if (kind === "limit") return <Link to="/budgets" className="link">Rate limits</Link>;
  if (kind === "budget") return <Link to="/budgets" className="link">Budgets</Link>;
  if (kind === "price") return <Link to="/prices" search={{ price: id }} className="link">Open the price</Link>;
  if (kind === "model") return <Link to="/models" search={{ q: id }} className="link">Find the model</Link>;
  return null;
}

/** Nothing is stated: such fields are not worth a line. */
function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}

function Value({ name, value }: { name: string; value: unknown }): ReactNode {
  if (INSTANTS.has(name) && typeof value === "number")
    return value > 0 ? <Time at={new Date(value * 1000).toISOString()} whole /> : "always";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value))
    return value.map((each, at) =>
      typeof each === "object" ? <div key={at}>{said(each)}</div> : `${at ? ", " : ""}${String(each)}`,
    );
  return typeof value === "object" ? said(value) : String(value);
}

/** A budget, limit or window as `limit 120 · window 1 month`. */
function said(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const found = value as Record<string, unknown>;
  if (typeof found["unit"] === "string" && "count" in found)
    return `${found["rolling"] ? "rolling " : ""}${String(found["count"])} ${found["unit"]}${found["count"] === 1 ? "" : "s"}`;
  return Object.entries(found)
    .filter(([name, each]) => !isEmpty(each) && !["id", "scope", "scope_id"].includes(name))
    .map(([name, each]) => `${name} ${said(each)}`.replaceAll("_", " "))
    .join(" · ");
}
