import { getRouteApi, Link } from "@tanstack/react-router";
import { Boxes, Plus } from "lucide-react";
import { useDeferredValue } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api, type Deployment } from "../../client/api";
import { Money } from "../../shared/figures";
import { Bones, Button, Dot, Empty, ErrorBox, Find, Tag } from "../../shared/kit";
import { exact } from "../../shared/money";
import { count } from "../../shared/numbers";
import { day, dayInFull } from "../../shared/time";
import { DeploymentDrawer } from "./DeploymentDrawer";
import { ModelForm } from "./ModelForm";
import "./models.css";
import { STATES } from "./states";

const route = getRouteApi("/models");

export function ModelsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const q = useDeferredValue(search.q ?? "");
  const models = api.useQuery(
    "get",
    "/api/models",
    { params: { query: { q, limit: 1000 } } },
    { refetchInterval: 5000, placeholderData: (before) => before },
  );
  const traffic = api.useQuery("get", "/api/models/traffic");
  const used = new Map(traffic.data?.data.map((each) => [each.deployment, each]));
  const span = spanOf(traffic.data?.day);
  const rows = models.data?.data ?? [];
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const chosen = rows.find((each) => each.id === search.deployment);
  return (
    <>
      <Top title="Models">
        <Find
          label="Find a model"
          placeholder="Model or deployment…"
          value={search.q ?? ""}
          onChange={(event) => set({ q: event.target.value || undefined })}
        />
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
            <Plus size={14} aria-hidden /> Add a model
          </Button>
        )}
        <Refresh
          busy={models.isFetching || traffic.isFetching}
          onClick={() => void Promise.all([models.refetch(), traffic.refetch()])}
        />
      </Top>
      <main className="content">
        {models.error && <ErrorBox error={models.error} retry={() => void models.refetch()} />}
        {models.data && search.deployment && !chosen && (
          <ErrorBox error={`There is no deployment “${search.deployment}”${q ? " that fits the search" : ""}.`} />
        )}
        {traffic.error && <ErrorBox error={traffic.error} retry={() => void traffic.refetch()} />}
        {!models.data ? (
          !models.error && <Bones rows={8} />
        ) : rows.length === 0 ? (
          <div className="card">
            <Empty icon={<Boxes size={26} aria-hidden />} title={q ? "No model is called that" : "No models are configured"}>
              <p>Add one here, or under model_list in the configuration file, which is read again when it is saved.</p>
              {mayChange && (
                <Button kind="primary" onClick={() => set({ add: "1" })}>
                  Add a model
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
                    <th>Model</th>
                    <th>Sent as</th>
                    <th>State</th>
                    <th>Source</th>
                    <th className="end">Input / 1M</th>
                    <th className="end">Output / 1M</th>
                    <th className="end" title={`Calls ${span.about}`}>
                      Calls, {span.short}
                    </th>
                    <th className="end" title={`Spend ${span.about}`}>
                      Spend, {span.short}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((each) => {
                    const use = used.get(each.id);
                    return (
                      <tr
                        key={each.id}
                        className={each.id === search.deployment ? "pick picked" : "pick"}
                        onClick={() => set({ deployment: each.id })}
                      >
                        <td>
                          <button
                            type="button"
                            className="quiet-link cut"
                            title={each.id}
                            onClick={() => set({ deployment: each.id })}
                          >
                            <b>{each.model_name}</b>
                          </button>
                        </td>
                        <td>
                          <div className="row">
                            <span className="cut">{each.upstream_model}</span>
                            {each.route === "model_router" && <Tag tone="accent">router</Tag>}
                          </div>
                        </td>
                        <td>
                          <StateOf item={each} />
                        </td>
                        <td>
                          <Tag title={each.file ? `${each.file}, line ${each.line}` : ""}>{each.source}</Tag>
                        </td>
                        <td className="end">
                          <UnitPrice item={each} unit="input" />
                        </td>
                        <td className="end">
                          <UnitPrice item={each} unit="output" />
                        </td>
                        <td className="end">
                          <Link
                            to="/logs"
                            search={{ deployment: [each.id], since: traffic.data?.since ?? "24h" }}
                            className="quiet-link"
                            onClick={(event) => event.stopPropagation()}
                          >
                            {traffic.data ? count(use?.calls ?? 0) : <span className="dim">–</span>}
                          </Link>
                        </td>
                        <td className="end">
                          {traffic.data ? (
                            <Money value={use?.spend ?? "0"} minimum={use?.minimum ?? false} />
                          ) : (
                            <span className="dim">–</span>
                          )}
                        </td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          </section>
        )}
      </main>
      {search.add && mayChange && <ModelForm onClose={() => set({ add: undefined })} />}
      {chosen && <DeploymentDrawer item={chosen} onClose={() => set({ deployment: undefined })} />}
    </>
  );
}

/** What the figures are of: 24 hours or, where there were very many calls, whole days of the ledger. */
function spanOf(since: string | null | undefined) {
  return since
    ? { short: `since ${day(since)}`, about: `since the beginning of ${dayInFull(since)}` }
    : { short: "24 h", about: "of the last 24 hours" };
}

/** Whether calls go to it, and how those end. */
function StateOf({ item }: { item: Deployment }) {
  if (item.problem)
    return (
      <span className="row" title={item.problem}>
        <Dot tone="bad" /> left out
      </span>
    );
  if (item.disabled)
    return (
      <span className="row dim" title="No call goes to it">
        <Dot /> off
      </span>
    );
  const state = STATES[item.condition.state];
  return (
    <span className="row" title={state.about}>
      <Dot tone={state.tone} /> {item.condition.state}
    </span>
  );
}

function UnitPrice({ item, unit }: { item: Deployment; unit: "input" | "output" }) {
  const own = item.own_prices?.find((each) => each.unit === unit);
  if (own) return <span title="The deployment's own price">{exact(own.usd_per_million)}</span>;
  if (item.route === "model_router") {
    const fee = item.prices[0];
    return unit === "input" && fee ? (
      <span className="dim" title="The routing fee; the served model's price comes on top">
        +{exact(fee.usd_per_million)}
      </span>
    ) : (
      <span className="dim">by model</span>
    );
  }
  const found = item.prices.find((each) => each.unit === unit && each.context === "short");
  if (!found) return <Tag tone="warn" title={item.unpriced}>unpriced</Tag>;
  return (
    <Link
      to="/prices"
      search={{ price: found.id }}
      className="quiet-link"
      title={found.id}
      onClick={(event) => event.stopPropagation()}
    >
      {exact(found.usd_per_million)}
    </Link>
  );
}
