import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Gauge, Pencil, Plus, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api, type Budget, type Limit } from "../../client/api";
import { Bones, Button, Empty, ErrorBox, Field, IconButton, Input, Modal, Segments, Select, Tag } from "../../shared/kit";
import { amountOf } from "../../shared/money";
import { notify } from "../../shared/toasts";
import { WINDOWS, windowsFor } from "./editors";
import { BudgetStanding, LimitStanding } from "./Standing";

const route = getRouteApi("/budgets");

const SCOPES = ["everything", "team", "key", "user", "tag", "model", "deployment"] as const;
type Scope = (typeof SCOPES)[number];

export function BudgetsPage() {
  const { scope = "", add } = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const [editing, setEditing] = useState<Budget | null>(null);
  const query = { limit: 1000, ...(scope ? { scope: scope as Scope } : {}) };
  const budgets = api.useQuery(
    "get",
    "/api/budgets",
    { params: { query: { ...query, sort: "share" } } },
    { refetchInterval: 5000 },
  );
  const limits = api.useQuery("get", "/api/limits", { params: { query } }, { refetchInterval: 5000 });
  const rows = budgets.data?.data ?? [];
  const set = (change: { scope?: string | undefined; add?: string | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <Top title="Budgets">
        <Segments
          label="Of"
          value={scope}
          options={[
            { value: "", label: "All" },
            ...SCOPES.filter((each) => ["team", "key", "tag", "everything"].includes(each)).map((each) => ({
              value: each as string,
              label: each === "everything" ? "Everything" : `${each[0]!.toUpperCase()}${each.slice(1)}s`,
            })),
          ]}
          onChange={(value) => set({ scope: value || undefined })}
        />
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
            <Plus size={14} aria-hidden /> New budget
          </Button>
        )}
        <Refresh busy={budgets.isFetching} onClick={() => void budgets.refetch()} />
      </Top>
      <main className="content">
        {budgets.error && <ErrorBox error={budgets.error} retry={() => void budgets.refetch()} />}
        {budgets.isPending ? (
          <Bones rows={8} />
        ) : rows.length === 0 ? (
          <div className="card">
            <Empty icon={<Gauge size={26} aria-hidden />} title="No budgets here">
              <p>
                A budget is reserved before a call and settled after it, so it is never overspent. Keys and teams carry
                their own; one for a tag, a model or everything is made here.
              </p>
            </Empty>
          </div>
        ) : (
          <section className="card">
            <header>
              <h2>Nearest to their limit first</h2>
            </header>
            <ul className="budget-list">
              {rows.map((each) => (
                <li key={each.id}>
                  <Owner scope={each.scope} id={each.scope_id} />
                  <div className="grow">
                    <BudgetStanding budget={each} wide />
                  </div>
                  {mayChange && !each.carried ? (
                    <IconButton label={`Edit the budget of ${each.scope_id || "everything"}`} small onClick={() => setEditing(each)}>
                      <Pencil size={13} />
                    </IconButton>
                  ) : (
                    <span className="dim carried" title={`The ${each.scope} carries it: change it there`}>
                      carried
                    </span>
                  )}
                </li>
              ))}
            </ul>
          </section>
        )}
        {(limits.data?.data.length ?? 0) > 0 && (
          <section className="card">
            <header>
              <h2>Rate limits</h2>
            </header>
            <ul className="budget-list">
              {limits.data?.data.map((each: Limit) => (
                <li key={each.id}>
                  <Owner scope={each.scope} id={each.scope_id} />
                  <div className="grow">
                    <LimitStanding limit={each} />
                  </div>
                </li>
              ))}
            </ul>
          </section>
        )}
      </main>
      {add && <BudgetForm onClose={() => set({ add: undefined })} />}
      {editing && <BudgetForm before={editing} onClose={() => setEditing(null)} />}
    </>
  );
}

function Owner({ scope, id }: { scope: string; id: string }) {
  const name = id || "everything";
  return (
    <div className="owner">
      <Tag>{scope}</Tag>
      {scope === "key" ? (
        <Link to="/keys" search={{ key: id }} className="quiet-link cut">
          {name}
        </Link>
      ) : scope === "team" ? (
        <Link to="/teams" search={{ team: id }} className="quiet-link cut">
          {name}
        </Link>
      ) : scope === "everything" ? (
        <Link to="/usage" className="quiet-link cut">
          {name}
        </Link>
      ) : (
        <Link to="/usage" search={scope === "tag" ? { tag: id } : { [scope]: [id] }} className="quiet-link cut">
          {name}
        </Link>
      )}
    </div>
  );
}

function BudgetForm({ before, onClose }: { before?: Budget; onClose: () => void }) {
  const queries = useQueryClient();
  const [scope, setScope] = useState<Scope>(before?.scope ?? "everything");
  const [scopeId, setScopeId] = useState(before?.scope_id ?? "");
  const [limit, setLimit] = useState(before?.limit ?? "");
  const [window, setWindow] = useState(before?.window ?? "1mo");
  const [soft, setSoft] = useState(before?.soft_limit ?? "");
  const [zone, setZone] = useState(before?.zone ?? "UTC");
  const [reserve, setReserve] = useState(before?.reserve ?? "worst_case");
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/budgets", { meta });
  const change = api.useMutation("patch", "/api/budgets/{budget_id}", { meta });
  const remove = api.useMutation("delete", "/api/budgets/{budget_id}", { meta });
  const error = make.error ?? change.error ?? remove.error;
  const done = async (said: string) => {
    notify(said);
    await queries.invalidateQueries({ queryKey: ["get", "/api/budgets"] });
    onClose();
  };
  async function submit(event: FormEvent) {
    event.preventDefault();
    const body = {
      limit: amountOf(limit),
      window,
      zone,
      reserve,
      soft_limit: soft.trim() ? amountOf(soft) : null,
    };
    try {
      if (before)
        await change.mutateAsync({
          params: { path: { budget_id: before.id }, query: { version: before.version ?? undefined } },
          body,
        });
      else await make.mutateAsync({ body: { ...body, scope, scope_id: scope === "everything" ? "" : scopeId.trim() } });
      await done("Saved");
    } catch {
      // Shown in the form.
    }
  }
  return (
    <Modal title={before ? `Budget of ${before.scope_id || "everything"}` : "New budget"} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="body column">
          {Boolean(error) && <ErrorBox error={error} />}
          {!before && (
            <div className="grid two narrow">
              <Field label="Of">
                {(id) => (
                  <Select id={id} value={scope} options={SCOPES} onChange={(event) => setScope(event.target.value as Scope)} />
                )}
              </Field>
              {scope !== "everything" && (
                <Field label={`Which ${scope}`}>
                  {(id) => <Input id={id} value={scopeId} onChange={(event) => setScopeId(event.target.value)} />}
                </Field>
              )}
            </div>
          )}
          <div className="grid two narrow">
            <Field label="At most (USD)">
              {(id) => (
                <Input id={id} inputMode="decimal" placeholder="100.00" value={limit} onChange={(event) => setLimit(event.target.value)} />
              )}
            </Field>
            <Field label="Window">
              {(id) => (
                <Select
                  id={id}
                  value={window}
                  options={before ? windowsFor(window) : WINDOWS}
                  onChange={(event) => setWindow(event.target.value)}
                />
              )}
            </Field>
            <Field label="Warn from (USD)" hint="Nothing is refused there.">
              {(id) => <Input id={id} inputMode="decimal" value={soft} onChange={(event) => setSoft(event.target.value)} />}
            </Field>
            <Field label="Calendar of" hint="A time zone, such as Europe/Berlin.">
              {(id) => <Input id={id} value={zone} onChange={(event) => setZone(event.target.value)} />}
            </Field>
          </div>
          <Field label="A call under way holds">
            {(id) => (
              <Select
                id={id}
                value={reserve}
                options={[
                  { value: "worst_case", label: "the most it may cost: the budget is never overspent" },
                  { value: "estimate", label: "what it will likely cost: more calls at once" },
                ]}
                onChange={(event) => setReserve(event.target.value as typeof reserve)}
              />
            )}
          </Field>
        </div>
        <footer>
          {before && (
            <Button
              danger
              busy={remove.isPending}
              onClick={() =>
                void remove
                  .mutateAsync({ params: { path: { budget_id: before.id } } })
                  .then(() => done("The budget is gone"))
                  .catch(() => undefined)
              }
            >
              <Trash2 size={13} aria-hidden /> Delete
            </Button>
          )}
          <span className="grow" />
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={make.isPending || change.isPending}>
            Save
          </Button>
        </footer>
      </form>
    </Modal>
  );
}
