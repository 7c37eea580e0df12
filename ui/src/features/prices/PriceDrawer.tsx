import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { useSession } from "../../app/session";
import { api, type Price } from "../../client/api";
import { Bar, Bones, Button, CopyButton, Drawer, ErrorBox, Tag } from "../../shared/kit";
import { change, exact, size } from "../../shared/money";
import { calls, count } from "../../shared/numbers";
import { date, full } from "../../shared/time";
import { notify } from "../../shared/toasts";
import { Source } from "../logs/Receipt";
import { UNIT_NAMES } from "../logs/words";
import { OfferTable } from "./OfferTable";
import { always, CONFIDENCE, type Family, FAMILIES, offersOf, scopeName } from "./pivot";

/** One row of the book; what it was before, and what the model costs elsewhere. */
export function PriceDrawer({
  id,
  onClose,
  onOpen,
}: {
  id: string;
  onClose: () => void;
  onOpen: (id: string) => void;
}) {
  const queries = useQueryClient();
  const { mayChange } = useSession();
  const { data, error, refetch } = api.useQuery("get", "/api/prices/{price_id}", { params: { path: { price_id: id } } });
  const remove = api.useMutation("delete", "/api/prices/{price_id}", {
    onSuccess: async () => {
      notify("The price is gone; receipts that used it keep it");
      onClose();
      await queries.invalidateQueries();
    },
  });
  return (
    <Drawer
      title={data ? `${data.model}, ${(UNIT_NAMES[data.unit] ?? data.unit).toLowerCase()}` : id}
      onClose={onClose}
      actions={
        mayChange &&
        data?.added && (
          <Button small danger busy={remove.isPending} onClick={() => remove.mutate({ params: { path: { price_id: id } } })}>
            <Trash2 size={13} aria-hidden /> Remove
          </Button>
        )
      }
    >
      {error ? (
        <ErrorBox error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Bones rows={12} />
      ) : (
        <div className="column spaced">
          <Facts price={data} />
          <Used price={data} />
          <Past price={data} onOpen={onOpen} />
          <Elsewhere price={data} onOpen={onOpen} />
        </div>
      )}
    </Drawer>
  );
}

function Facts({ price }: { price: Price }) {
  const sure = CONFIDENCE[price.confidence];
  return (
    <>
      <div className="row wrap">
        <span className="fact-price number">{exact(price.usd_per_million)}</span>
        <span className="dim">for 1M tokens</span>
      </div>
      <dl className="facts">
        <dt>Row</dt>
        <dd className="row">
          <span className="mono">{price.id}</span> <CopyButton text={price.id} />
        </dd>
        <dt>List</dt>
        <dd>{price.provider}</dd>
        <dt>Scope, tier</dt>
        <dd>
          {scopeName(price.scope)}, {price.tier}
        </dd>
        <dt>Prompts</dt>
        <dd>{price.context === "long" ? `of ${count(price.context_from)} tokens or more` : "that are not billed as long"}</dd>
        <dt>In force</dt>
        <dd>
          {always(price.effective_from) ? "always" : `from ${instant(price.effective_from)}`}
          {price.effective_to && ` to ${instant(price.effective_to)}`}
        </dd>
        <dt>Source</dt>
        <dd>
          <Source text={price.source} />
        </dd>
        {price.source_meter && (
          <>
            <dt>Meter</dt>
            <dd>{price.source_meter}</dd>
          </>
        )}
        <dt>Seen</dt>
        <dd>{date(price.observed_at, "UTC")}</dd>
        <dt>How sure</dt>
        <dd>
          <Tag tone={price.added ? "accent" : undefined}>{sure.name}</Tag> <span className="dim">{sure.about}</span>
        </dd>
      </dl>
    </>
  );
}

/** The calls of the models it is for, while it was in force. */
function Used({ price }: { price: Price }) {
  const { data, error } = api.useQuery("get", "/api/priced-models", { params: { query: { price_id: price.id } } });
  const days = { ...(data?.since ? { since: data.since } : {}), ...(data?.until ? { until: data.until } : {}) };
  return (
    <section className="column">
      <h3>Calls</h3>
      {error && <ErrorBox error={error} />}
      {!data && !error && <Bones rows={1} />}
      {data?.router ? (
        <Link to="/logs" search={{ ...days, route: ["model_router"] }} className="link">
          All routed calls, whichever model served them
        </Link>
      ) : (
        data?.data.map((each) => (
          <div key={`${each.provider} ${each.served_model}`} className="row wrap">
            <Link
              to="/logs"
              search={{ ...days, provider: [each.provider], served_model: [each.served_model] }}
              className="link"
            >
              {calls(each.calls)} of {each.served_model}
            </Link>
            <span className="dim">through {each.provider}</span>
          </div>
        ))
      )}
      {data && !data.router && data.data.length === 0 && <p className="dim">No call of this model while it was in force.</p>}
      {data && data.data.length > 0 && !data.router && (
        <p className="dim">While this row was in force, in any scope and tier; each receipt names the rows it used.</p>
      )}
    </section>
  );
}

/** A day where an instant begins one. */
function instant(at: string): string {
  return /T00:00:00(\.0+)?Z$/.test(at) ? date(at, "UTC") : full(at, "UTC");
}

/** The rows of the same thing, the newest first, each against the one before it. */
function Past({ price, onOpen }: { price: Price; onOpen: (id: string) => void }) {
  const { provider, model, unit, scope, tier } = price;
  const { data } = api.useQuery("get", "/api/prices", {
    params: { query: { provider, model, unit, scope, tier, limit: 100 } },
  });
  const rows = (data?.data ?? []).filter((each) => each.context === price.context);
  if (rows.length < 2) return null;
  const most = Math.max(...rows.map((each) => size(each.usd_per_million)), 1e-12);
  return (
    <section className="column">
      <h3>History</h3>
      <div className="card table-wrap">
        <table className="table">
          <tbody>
            {rows.map((each, at) => {
              const before = rows[at + 1];
              return (
                <tr key={each.id} className={each.id === price.id ? "pick picked" : "pick"} onClick={() => onOpen(each.id)}>
                  <td className="number">
                    <button type="button" className="quiet-link" onClick={() => onOpen(each.id)}>
                      {always(each.effective_from) ? "always" : date(each.effective_from, "UTC")}
                    </button>
                  </td>
                  <td>
                    <div className="history-bar">
                      <Bar share={size(each.usd_per_million) / most} label={exact(each.usd_per_million)} />
                    </div>
                  </td>
                  <td className="dim cut" title={each.source}>
                    {CONFIDENCE[each.confidence].name}
                  </td>
                  <td className="end dim">{before && change(size(each.usd_per_million), size(before.usd_per_million))}</td>
                  <td className="end number">{exact(each.usd_per_million)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** What is in force for the model, in every scope and tier. */
function Elsewhere({ price, onOpen }: { price: Price; onOpen: (id: string) => void }) {
  const { provider, model } = price;
  const { data } = api.useQuery("get", "/api/prices", {
    params: { query: { provider, model, history: false, limit: 1000 } },
  });
  const family = (Object.keys(FAMILIES) as Family[]).find((each) =>
    (FAMILIES[each] as readonly string[]).includes(price.unit),
  );
  if (!data || !family) return null;
  const offers = offersOf(data.data).filter((each) => FAMILIES[family].some((unit) => each.prices.has(unit)));
  if (!offers.length) return null;
  return (
    <section className="column">
      <h3>In force now, wherever it is sold</h3>
      <div className="card">
        <OfferTable offers={offers} family={family} withModel={false} withScope withTier chosen={price.id} onOpen={onOpen} />
      </div>
    </section>
  );
}
