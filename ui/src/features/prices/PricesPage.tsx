import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Plus, Tags } from "lucide-react";
import { useDeferredValue } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api, client, type Price, type PriceQuery } from "../../client/api";
import { Bones, Button, Check, Empty, ErrorBox, Input, Note, Select, Tag } from "../../shared/kit";
import { exact } from "../../shared/money";
import { calls, count } from "../../shared/numbers";
import { date } from "../../shared/time";
import { notify } from "../../shared/toasts";
import { Source } from "../logs/Receipt";
import { UNIT_NAMES } from "../logs/words";
import { PriceDrawer } from "./PriceDrawer";
import { PriceForm } from "./PriceForm";

const route = getRouteApi("/prices");

export function PricesPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const q = useDeferredValue(search.q ?? "");
  const query: PriceQuery = {
    q,
    ...(search.provider ? { provider: search.provider } : {}),
    ...(search.scope ? { scope: search.scope } : {}),
    ...(search.unit ? { unit: search.unit as Price["unit"] } : {}),
    ...(search.added === "1" ? { added: true } : {}),
    history: search.history === "1",
    limit: 200,
  };
  const prices = useInfiniteQuery({
    queryKey: ["prices", query],
    queryFn: async ({ pageParam, signal }) => {
      const { data, error } = await client.GET("/api/prices", { params: { query: { ...query, cursor: pageParam } }, signal });
      if (error) throw error;
      return data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: (before) => before,
  });
  const rows = prices.data?.pages.flatMap((page) => page.data) ?? [];
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <Top title="Prices">
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
            <Plus size={14} aria-hidden /> Add a price
          </Button>
        )}
        <Refresh busy={prices.isFetching} onClick={() => void prices.refetch()} />
      </Top>
      <main className="content">
        <Waiting onAdd={(model) => set({ add: "1", model })} />
        <div className="row wrap">
          <Input
            small
            type="search"
            className="auto"
            data-shortcut="/"
            aria-label="Find a price"
            placeholder="Model, row or source…"
            value={search.q ?? ""}
            onChange={(event) => set({ q: event.target.value || undefined })}
          />
          <Select
            small
            className="auto"
            aria-label="Price list"
            value={search.provider ?? ""}
            options={[{ value: "", label: "every list" }, "azure", "openai", "anthropic"]}
            onChange={(event) => set({ provider: event.target.value || undefined })}
          />
          <Select
            small
            className="auto"
            aria-label="Unit"
            value={search.unit ?? ""}
            options={[
              { value: "", label: "every unit" },
              ...Object.entries(UNIT_NAMES)
                .filter(([unit]) => unit !== "reasoning")
                .map(([value, label]) => ({ value, label })),
            ]}
            onChange={(event) => set({ unit: event.target.value || undefined })}
          />
          <Check label="Added here" checked={search.added === "1"} onChange={(event) => set({ added: event.target.checked ? "1" : undefined })} />
          <Check label="History" checked={search.history === "1"} onChange={(event) => set({ history: event.target.checked ? "1" : undefined })} />
        </div>
        {prices.error && <ErrorBox error={prices.error} retry={() => void prices.refetch()} />}
        {prices.isPending ? (
          <Bones rows={12} />
        ) : (
          <section className="card">
            {rows.length === 0 ? (
              <Empty icon={<Tags size={26} aria-hidden />} title="No price row fits">
                <p>Take a filter away, look at the history, or add a price of your own.</p>
              </Empty>
            ) : (
              <div className="table-wrap">
                <table className="table">
                  <thead>
                    <tr>
                      <th>Model</th>
                      <th>Unit</th>
                      <th className="end">USD / 1M tokens</th>
                      <th>List</th>
                      <th>Scope</th>
                      <th>Tier</th>
                      <th>From</th>
                      <th>Source</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((each) => (
                      <tr
                        key={each.id}
                        className={each.id === search.price ? "pick picked" : "pick"}
                        onClick={() => set({ price: each.id })}
                      >
                        <td>
                          <button type="button" className="quiet-link cut" onClick={() => set({ price: each.id })}>
                            <b>{each.model}</b>
                          </button>{" "}
                          {each.added && <Tag tone="accent">added</Tag>}
                        </td>
                        <td>
                          {UNIT_NAMES[each.unit] ?? each.unit}
                          {each.context === "long" && <span className="dim"> ≥ {count(each.context_from)}</span>}
                        </td>
                        <td className="end">{exact(each.usd_per_million)}</td>
                        <td className="soft">{each.provider}</td>
                        <td className="soft">{each.scope.replaceAll("_", " ")}</td>
                        <td className="soft">{each.tier}</td>
                        <td className="soft number">
                          {Date.parse(each.effective_from) <= 0 ? "always" : date(each.effective_from, "UTC")}
                          {each.effective_to && ` – ${date(each.effective_to, "UTC")}`}
                        </td>
                        <td className="dim cut">
                          <Source text={each.source} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            {prices.hasNextPage && (
              <div className="body">
                <Button small busy={prices.isFetchingNextPage} onClick={() => void prices.fetchNextPage()}>
                  More rows
                </Button>
              </div>
            )}
          </section>
        )}
      </main>
      {search.add && <PriceForm model={search.model ?? ""} onClose={() => set({ add: undefined, model: undefined })} />}
      {search.price && <PriceDrawer key={search.price} id={search.price} onClose={() => set({ price: undefined })} />}
    </>
  );
}

/** Models that answered and have no price. */
function Waiting({ onAdd }: { onAdd: (model: string) => void }) {
  const queries = useQueryClient();
  const { mayChange } = useSession();
  const { data } = api.useQuery("get", "/api/unpriced", { params: { query: { limit: 50 } } });
  const fill = api.useMutation("post", "/api/unpriced/fill", {
    onSuccess: async (found) => {
      notify(`${count(found.filled)} calls have their price now; ${count(found.waiting)} still wait`);
      await queries.invalidateQueries();
    },
  });
  if (!data?.data.length) return null;
  return (
    <Note tone="warn">
      <div className="column">
        <div className="row wrap">
          <b>Served without a price: what these calls cost is not known.</b>
          <span className="grow" />
          {mayChange && (
            <Button small busy={fill.isPending} onClick={() => fill.mutate({})}>
              Look again
            </Button>
          )}
        </div>
        {data.data.map((each) => (
          <div key={`${each.provider} ${each.served_model} ${each.deployment}`} className="row wrap">
            <b>{each.served_model || "unnamed"}</b>
            <span>{each.deployment}</span>
            <Link to="/logs" search={{ served_model: [each.served_model], status: ["unpriced"] }} className="link">
              {calls(each.calls)}
            </Link>
            {mayChange && (
              <Button small onClick={() => onAdd(each.served_model)}>
                Add its price
              </Button>
            )}
          </div>
        ))}
      </div>
    </Note>
  );
}
