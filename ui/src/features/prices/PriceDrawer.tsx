import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useSession } from "../../app/session";
import { api } from "../../client/api";
import { Bones, Button, CopyButton, Drawer, ErrorBox, Tag } from "../../shared/kit";
import { exact } from "../../shared/money";
import { count } from "../../shared/numbers";
import { date, full } from "../../shared/time";
import { notify } from "../../shared/toasts";
import { Source } from "../logs/Receipt";
import { UNIT_NAMES } from "../logs/words";

/** One row of the book, and the rows before and after it. */
export function PriceDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const queries = useQueryClient();
  const { mayChange } = useSession();
  const { data, error, refetch } = api.useQuery("get", "/api/prices/{price_id}", { params: { path: { price_id: id } } });
  const others = api.useQuery(
    "get",
    "/api/prices",
    {
      params: {
        query: data
          ? { provider: data.provider, model: data.model, unit: data.unit, scope: data.scope, tier: data.tier, limit: 100 }
          : {},
      },
    },
    { enabled: Boolean(data) },
  );
  const remove = api.useMutation("delete", "/api/prices/{price_id}", {
    onSuccess: async () => {
      notify("The price is gone; receipts that used it keep it");
      onClose();
      await queries.invalidateQueries({ queryKey: ["prices"] });
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
        <Bones />
      ) : (
        <div className="column spaced">
          <dl className="facts">
            <dt>Price</dt>
            <dd>
              <b>{exact(data.usd_per_million)}</b> for 1M tokens
            </dd>
            <dt>Row</dt>
            <dd className="row">
              <span className="mono">{data.id}</span> <CopyButton text={data.id} />
            </dd>
            <dt>List</dt>
            <dd>{data.provider}</dd>
            <dt>Scope, tier</dt>
            <dd>
              {data.scope.replaceAll("_", " ")}, {data.tier}
            </dd>
            <dt>Context</dt>
            <dd>{data.context === "long" ? `prompts of ${count(data.context_from)} tokens or more` : "any that is not long"}</dd>
            <dt>In force</dt>
            <dd>
              {Date.parse(data.effective_from) <= 0 ? "always" : `from ${full(data.effective_from, "UTC")}`}
              {data.effective_to && ` to ${full(data.effective_to, "UTC")}`}
            </dd>
            <dt>Source</dt>
            <dd>
              <Source text={data.source} />
            </dd>
            {data.source_meter && (
              <>
                <dt>Meter</dt>
                <dd>{data.source_meter}</dd>
              </>
            )}
            <dt>Seen</dt>
            <dd>{date(data.observed_at, "UTC")}</dd>
            <dt>How sure</dt>
            <dd>
              <Tag>{data.confidence.replaceAll("_", " ")}</Tag>
            </dd>
          </dl>
          {(others.data?.data.length ?? 0) > 1 && (
            <section>
              <h3>History</h3>
              <div className="card">
                <table className="table">
                  <tbody>
                    {others.data?.data.map((each) => (
                      <tr key={each.id} className={each.id === id ? "picked" : ""}>
                        <td className="number">{Date.parse(each.effective_from) <= 0 ? "always" : date(each.effective_from, "UTC")}</td>
                        <td className="dim">{each.context}</td>
                        <td className="dim cut">{each.source}</td>
                        <td className="end">{exact(each.usd_per_million)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </section>
          )}
        </div>
      )}
    </Drawer>
  );
}
