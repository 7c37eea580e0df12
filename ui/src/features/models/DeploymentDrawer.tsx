import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Copy, Pencil, PlugZap, Power, Trash2 } from "lucide-react";
import { useState } from "react";
import { useSession } from "../../app/session";
import { api, type Deployment, type TestResult } from "../../client/api";
import { Button, Drawer, Modal, Note, Tag } from "../../shared/kit";
import { exact } from "../../shared/money";
import { count, duration, percent } from "../../shared/numbers";
import { date, fromNow } from "../../shared/time";
import { notify } from "../../shared/toasts";
import { Source } from "../logs/Receipt";
import { UNIT_NAMES } from "../logs/words";
import { ModelForm } from "./ModelForm";
import { STATES } from "./states";
import { TestPanel } from "./TestPanel";

/** One deployment: how it is, what it costs, and what can be changed of it. */
export function DeploymentDrawer({ item, onClose }: { item: Deployment; onClose: () => void }) {
  const { condition } = item;
  const { mayChange } = useSession();
  const [editing, setEditing] = useState(false);
  const [tested, setTested] = useState<TestResult | null>(null);
  const test = api.useMutation("post", "/api/models/test", { onSuccess: setTested });
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
        {mayChange && (
          <div className="row wrap">
            <Button small busy={test.isPending} disabled={item.model_name.includes("*")} onClick={() => test.mutate({ body: { deployment: item.id } })}>
              <PlugZap size={13} aria-hidden /> Test connection
            </Button>
            {item.editable && <Deeds item={item} onEdit={() => setEditing(true)} onGone={onClose} />}
          </div>
        )}
        {tested && <TestPanel result={tested} />}
        {item.problem && <Note tone="warn">It is left out: {item.problem}</Note>}
        {item.disabled && <Note>It is switched off: no call goes to it.</Note>}
        {item.notes.map((each) => (
          <Note key={each} tone="warn">
            {each}
          </Note>
        ))}
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
      {editing && <ModelForm before={item} onClose={() => setEditing(false)} />}
    </Drawer>
  );
}

/** What can be done to a deployment of the database. */
function Deeds({ item, onEdit, onGone }: { item: Deployment; onEdit: () => void; onGone: () => void }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const changed = () => queries.invalidateQueries({ queryKey: ["get", "/api/models"] });
  const path = { params: { path: { deployment_id: item.id } } };
  const enable = api.useMutation("post", "/api/models/{deployment_id}/enable", { onSuccess: changed });
  const disable = api.useMutation("post", "/api/models/{deployment_id}/disable", { onSuccess: changed });
  const clone = api.useMutation("post", "/api/models/{deployment_id}/clone", {
    onSuccess: async (made) => {
      notify(`${made.id} is a copy, switched off`);
      await changed();
    },
  });
  const remove = api.useMutation("delete", "/api/models/{deployment_id}", {
    onSuccess: async () => {
      notify(`${item.id} is deleted`);
      onGone();
      await changed();
    },
  });
  return (
    <>
      <Button small onClick={onEdit}>
        <Pencil size={13} aria-hidden /> Edit
      </Button>
      <Button
        small
        busy={enable.isPending || disable.isPending}
        onClick={() => (item.disabled ? enable.mutate(path) : disable.mutate(path))}
      >
        <Power size={13} aria-hidden /> {item.disabled ? "Switch on" : "Switch off"}
      </Button>
      <Button small busy={clone.isPending} onClick={() => clone.mutate({ ...path, body: {} })}>
        <Copy size={13} aria-hidden /> Clone
      </Button>
      <Button small danger onClick={() => setAsking(true)}>
        <Trash2 size={13} aria-hidden /> Delete
      </Button>
      {asking && (
        <Modal title={`Delete ${item.id}?`} onClose={() => setAsking(false)}>
          <div className="body">
            <p className="soft">No call goes to it any more, and its key is gone. Its calls stay in the ledger.</p>
          </div>
          <footer>
            <Button onClick={() => setAsking(false)}>Cancel</Button>
            <Button kind="primary" danger busy={remove.isPending} onClick={() => remove.mutate(path)}>
              Delete
            </Button>
          </footer>
        </Modal>
      )}
    </>
  );
}
