import { getRouteApi, Link } from "@tanstack/react-router";
import { Gauge, Pencil, Plus, Timer } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api, type Budget, type Limit } from "../../client/api";
import { Bones, Button, Empty, ErrorBox, IconButton, Select, Tag } from "../../shared/kit";
import { BudgetForm } from "./BudgetForm";
import { LimitForm } from "./LimitForm";
import { BudgetStanding, LimitStanding } from "./Standing";
import { type Scope, SCOPES } from "./scopes";

const route = getRouteApi("/budgets");

const OF = [
  { value: "", label: "Of everybody" },
  ...SCOPES.map((each) => ({
    value: each as string,
    label: each === "everything" ? "Of everything" : `Of ${each}s`,
  })),
];

/** Budgets and rate limits: those that stand alone, and those that keys, teams and users carry. */
export function BudgetsPage() {
  const { scope = "", add } = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const [editing, setEditing] = useState<{ budget: Budget } | { limit: Limit } | null>(null);
  const query = { limit: 1000, ...(scope ? { scope: scope as Scope } : {}) };
  const live = { refetchInterval: 5000 };
  const budgets = api.useQuery("get", "/api/budgets", { params: { query: { ...query, sort: "share" } } }, live);
  const limits = api.useQuery("get", "/api/limits", { params: { query } }, live);
  const set = (change: { scope?: string | undefined; add?: string | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const close = () => set({ add: undefined });
  const error = budgets.error ?? limits.error;
  const refetch = () => {
    void budgets.refetch();
    void limits.refetch();
  };
  return (
    <>
      <Top title="Budgets">
        <Select
          small
          className="auto"
          aria-label="Of what"
          value={scope}
          options={OF}
          onChange={(event) => set({ scope: event.target.value || undefined })}
        />
        {mayChange && (
          <>
            <Button small onClick={() => set({ add: "limit" })}>
              <Plus size={14} aria-hidden /> New limit
            </Button>
            <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
              <Plus size={14} aria-hidden /> New budget
            </Button>
          </>
        )}
        <Refresh
          busy={budgets.isFetching || limits.isFetching}
          onClick={refetch}
        />
      </Top>
      <main className="content">
        {error && <ErrorBox error={error} retry={refetch} />}
        {!budgets.data || !limits.data ? (
          !error && <Bones rows={8} />
        ) : (
          <>
            <List
              title="Nearest to their limit first"
              items={budgets.data.data}
              onEdit={(budget) => setEditing({ budget })}
              show={(each) => <BudgetStanding budget={each} wide />}
              what="budget"
            >
              <Empty icon={<Gauge size={26} aria-hidden />} title="No budget here">
                <p>
                  A budget is reserved before a call and settled after it, so it is never overspent. Keys, teams and
                  users carry their own; one for a tag, a model or everything is made here.
                </p>
              </Empty>
            </List>
            <List
              title="Rate limits"
              items={limits.data.data}
              onEdit={(limit) => setEditing({ limit })}
              show={(each) => <LimitStanding limit={each} />}
              what="limit"
            >
              <Empty icon={<Timer size={26} aria-hidden />} title="No rate limit here">
                <p>
                  Requests or tokens in any minute, hour or day, or calls at once. Keys, teams and users carry their
                  own; one for a tag, a model or everything is made here.
                </p>
              </Empty>
            </List>
          </>
        )}
      </main>
      {mayChange && (add === "limit" ? <LimitForm onClose={close} /> : add && <BudgetForm onClose={close} />)}
      {editing && "budget" in editing && <BudgetForm before={editing.budget} onClose={() => setEditing(null)} />}
      {editing && "limit" in editing && <LimitForm before={editing.limit} onClose={() => setEditing(null)} />}
    </>
  );
}

function List<T extends Budget | Limit>({
  title,
  what,
  items,
  show,
  onEdit,
  children,
}: {
  title: string;
  what: "budget" | "limit";
  items: T[];
  show: (item: T) => ReactNode;
  onEdit: (item: T) => void;
  /** What stands there where there are none. */
  children: ReactNode;
}) {
  const { mayChange } = useSession();
  return (
    <section className="card">
      {items.length > 0 && (
        <header>
          <h2>{title}</h2>
        </header>
      )}
      {items.length === 0 ? (
        children
      ) : (
        <ul className="budget-list" aria-label={title}>
          {items.map((each) => (
            <li key={each.id}>
              <Owner scope={each.scope} id={each.scope_id} />
              <div className="grow">{show(each)}</div>
              <div className={each.carried ? "deed carried" : "deed"}>
                {each.carried ? (
                  <span title={`The ${each.scope} carries it: change it there`}>of the {each.scope}</span>
                ) : (
                  mayChange && (
                    <IconButton
                      label={`Edit the ${what} of ${each.scope_id || "everything"}`}
                      small
                      onClick={() => onEdit(each)}
                    >
                      <Pencil size={13} />
                    </IconButton>
                  )
                )}
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Whom it is for, as a link to them. */
function Owner({ scope, id }: { scope: Scope; id: string }) {
  const name = id || "everything";
  const look = { className: "quiet-link cut", children: name };
  return (
    <div className="owner">
      <Tag>{scope}</Tag>
      {scope === "key" ? (
        <Link to="/keys" search={{ key: id }} {...look} />
      ) : scope === "team" ? (
        <Link to="/teams" search={{ team: id }} {...look} />
      ) : scope === "user" ? (
        <Link to="/users" search={{ user: id }} {...look} />
      ) : (
        <Link to="/usage" search={scope === "everything" ? {} : scope === "tag" ? { tag: id } : { [scope]: [id] }} {...look} />
      )}
    </div>
  );
}
