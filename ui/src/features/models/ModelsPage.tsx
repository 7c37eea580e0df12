import { getRouteApi, Link } from "@tanstack/react-router";
import { Boxes } from "lucide-react";
import { useDeferredValue } from "react";
import { Refresh, Top } from "../../app/Shell";
import { api, type Deployment } from "../../client/api";
import { Money } from "../../shared/figures";
import { Bones, Dot, Drawer, Empty, ErrorBox, Input, Note, Tag } from "../../shared/kit";
import { exact } from "../../shared/money";
import { calls, count, duration, percent } from "../../shared/numbers";
import { date, dayStart, fromNow, utcDay } from "../../shared/time";
import { Source } from "../logs/Receipt";
import { UNIT_NAMES } from "../logs/words";

const route = getRouteApi("/models");

const STATES = {
  healthy: { tone: "good", about: "Answers" },
  cooling: { tone: "warn", about: "Put aside after failures" },
  probing: { tone: "warn", about: "One call tries whether it answers again" },
  failing: { tone: "bad", about: "Its active check fails" },
} as const;

export function ModelsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const q = useDeferredValue(search.q ?? "");
  const models = api.useQuery(
    "get",
    "/api/models",
    { params: { query: { q, limit: 1000 } } },
    { refetchInterval: 5000, placeholderData: (before) => before },
  );
  const today = utcDay(1);
  const traffic = api.useQuery("get", "/api/spend", {
    params: { query: { by: "deployment", since: today, limit: 1000 } },
  });
  const used = new Map(traffic.data?.data.map((each) => [each.group["deployment"] ?? "", each]));
  const rows = models.data?.data ?? [];
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const chosen = rows.find((each) => each.id === search.deployment);
  return (
    <>
      <Top title="Models">
        <Input
          small
          type="search"
          className="auto"
          data-shortcut="/"
          aria-label="Find a model"
          placeholder="Model or deployment…"
          value={search.q ?? ""}
          onChange={(event) => set({ q: event.target.value || undefined })}
        />
        <Refresh busy={models.isFetching} onClick={() => void models.refetch()} />
      </Top>
      <main className="content">
        {models.error && <ErrorBox error={models.error} retry={() => void models.refetch()} />}
        {models.isPending ? (
          <Bones rows={8} />
        ) : rows.length === 0 ? (
          <div className="card">
            <Empty icon={<Boxes size={26} aria-hidden />} title={q ? "No model is called that" : "No models are configured"}>
              <p>Models are in the configuration file, under model_list. It is read again when it is saved.</p>
            </Empty>
          </div>
        ) : (
          <section className="card">
            <div className="table-wrap">
              <table className="table">
                <thead>
                  <tr>
                    <th>Model</th>
                    <th>Deployment</th>
                    <th>Sent as</th>
                    <th>State</th>
                    <th>Source</th>
                    <th className="end">Input / 1M</th>
                    <th className="end">Output / 1M</th>
                    <th className="end">Since yesterday</th>
                    <th className="end">Spend</th>
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
                          <button type="button" className="quiet-link cut" onClick={() => set({ deployment: each.id })}>
                            <b>{each.model_name}</b>
                          </button>
                        </td>
                        <td className="mono dim cut">{each.id}</td>
                        <td>
                          <div className="row">
                            <span className="cut">{each.upstream_model}</span>
                            {each.route === "model_router" && <Tag tone="accent">router</Tag>}
                          </div>
                        </td>
                        <td>
                          <span className="row" title={STATES[each.condition.state].about}>
                            <Dot tone={STATES[each.condition.state].tone} />
                            {each.condition.state}
                          </span>
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
                            search={{ deployment: [each.id], since: dayStart(today) }}
                            className="quiet-link"
                            onClick={(event) => event.stopPropagation()}
                          >
                            {calls(use?.calls ?? 0)}
                          </Link>
                        </td>
                        <td className="end">
                          <Money value={use?.spend ?? "0"} minimum={use?.minimum ?? false} />
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
      {chosen && <DeploymentDrawer item={chosen} onClose={() => set({ deployment: undefined })} />}
    </>
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

function DeploymentDrawer({ item, onClose }: { item: Deployment; onClose: () => void }) {
  const { condition } = item;
  const facts: [string, React.ReactNode][] = [
    ["Deployment", <span className="mono">{item.id}</span>],
    ["Provider", item.provider],
    ["Sent as", item.upstream_model],
    ["Route", item.route.replace("_", " ")],
    ["Address", <span className="mono">{item.api_base}</span>],
    ["API version", item.api_version],
    ["Authenticates with", { key: "a key", token: "a token", entra: "Entra ID", none: "nothing" }[item.credential]],
    ["Scope", item.scope.replaceAll("_", " ")],
    ["Priced as", item.base_model],
    ["Discount", item.discount ? percent(item.discount) : ""],
    ["When unpriced", item.on_unpriced.replaceAll("_", " ")],
    ["Order", item.order ? String(item.order) : ""],
    ["Weight", item.weight === null ? "" : String(item.weight)],
    ["Requests a minute", item.rpm === null ? "" : count(item.rpm)],
    ["Tokens a minute", item.tpm === null ? "" : count(item.tpm)],
    ["Calls at once", item.max_parallel_requests === null ? "" : count(item.max_parallel_requests)],
    ["Timeout", item.timeout === null ? "" : duration(item.timeout)],
    ["Tags", item.tags.join(", ")],
    ["Source", item.file ? `${item.file}, line ${item.line}` : item.source],
  ];
  return (
    <Drawer
      title={item.model_name}
      onClose={onClose}
      actions={
        <Link to="/playground" search={{ model: [item.model_name] }} className="button small">
          Try it
        </Link>
      }
    >
      <div className="column spaced">
        <div className="row wrap">
          <Tag tone={STATES[condition.state].tone} title={STATES[condition.state].about}>
            {condition.state}
          </Tag>
          {item.route === "model_router" && <Tag tone="accent">model router</Tag>}
          <span className="dim">
            {count(condition.in_flight)} under way
            {condition.time_to_first_byte !== null && ` · first byte about ${duration(condition.time_to_first_byte)}`}
            {condition.cooldown_seconds > 0 && ` · back in ${duration(condition.cooldown_seconds)}`}
            {condition.checked_at && ` · checked ${fromNow(condition.checked_at)}`}
          </span>
        </div>
        {condition.check_error && <Note tone="warn">Its check failed: {condition.check_error}</Note>}
        {item.unpriced && <Note tone="warn">{item.unpriced}</Note>}
        <section>
          <h3>{item.route === "model_router" ? "Routing fee" : "Prices in force"}</h3>
          <div className="card">
            <table className="table">
              <tbody>
                {item.own_prices?.map((each) => (
                  <tr key={each.unit}>
                    <td>{UNIT_NAMES[each.unit] ?? each.unit}</td>
                    <td className="dim">the deployment's own</td>
                    <td className="end">{exact(each.usd_per_million)} / 1M</td>
                  </tr>
                ))}
                {item.prices.map((each) => (
                  <tr key={each.id}>
                    <td>
                      <Link to="/prices" search={{ price: each.id }} className="quiet-link">
                        {UNIT_NAMES[each.unit] ?? each.unit}
                        {each.context === "long" && ` (from ${count(each.context_from)} tokens)`}
                      </Link>
                    </td>
                    <td className="dim">
                      <Source text={each.source} />, since {date(each.effective_from, "UTC")}
                    </td>
                    <td className="end">{exact(each.usd_per_million)} / 1M</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {item.route === "model_router" && (
            <p className="dim">
              On top of the served model's own price, for every input token.{" "}
              <Link to="/router" className="link">
                What it chose
              </Link>
            </p>
          )}
        </section>
        <dl className="facts">
          {facts
            .filter(([, value]) => value)
            .map(([title, value]) => [<dt key={title}>{title}</dt>, <dd key={`${title} value`}>{value}</dd>])}
        </dl>
        {!item.editable && (
          <Note>This deployment is in the configuration file: change it there; it is in force a moment after you save.</Note>
        )}
      </div>
    </Drawer>
  );
}
