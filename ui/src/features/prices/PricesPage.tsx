import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Plus, Tags } from "lucide-react";
import { useDeferredValue, useEffect, useMemo } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { Bones, Button, Check, Empty, ErrorBox, Find, Segments, Select } from "../../shared/kit";
import { useBySteps } from "../../shared/steps";
import { askPrices, EVERY } from "./ask";
import { OfferTable } from "./OfferTable";
import { type Family, FAMILIES, isFamily, offersOf, scopeName } from "./pivot";
import { PriceDrawer } from "./PriceDrawer";
import { PriceForm } from "./PriceForm";
import { Waiting } from "./Waiting";
import "./prices.css";

const route = getRouteApi("/prices");

const SCOPES = [
  "global",
  "data_zone_us",
  "data_zone_eu",
  "data_zone_apac",
  "regional",
  "regional:northeurope",
  "regional:swedencentral",
  "regional:westeurope",
  "regional:southeastasia",
  "gov_global",
  "gov_data_zone",
  "gov_regional",
];

/** The book: a line for each place a model is sold at, with all its prices. */
export function PricesPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const q = useDeferredValue(search.q ?? "");
  const scope = search.scope ?? "global";
  const tier = search.tier ?? "standard";
  const history = search.history === "1";
  const family: Family = isFamily(search.unit) ? search.unit : "text";
  const prices = useInfiniteQuery({ ...askPrices({ ...search, q }), placeholderData: (before) => before });
  const { data, hasNextPage, fetchNextPage } = prices;
  const goOn = hasNextPage && !prices.isFetching && !prices.isError && !prices.isPlaceholderData;
  useEffect(() => {
    if (goOn) void fetchNextPage({ cancelRefetch: false });
  }, [goOn, fetchNextPage]);
  const offers = useMemo(() => {
    const rows = data?.pages.flatMap((page) => page.data) ?? [];
    const cut = hasNextPage ? rows.at(-1) : undefined; // the rest of this model is on the next page
    const found = offersOf(rows, history).filter(
      (each) => each.first.model !== cut?.model || each.first.provider !== cut.provider,
    );
    return found.filter((each) => FAMILIES[family].some((unit) => each.prices.has(unit)));
  }, [data, hasNextPage, history, family]);
  const drawn = useBySteps(offers);
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
          <Find
            label="Find a price"
            placeholder="Model, row or source…"
            value={search.q ?? ""}
            onChange={(event) => set({ q: event.target.value || undefined })}
          />
          <Choice
            label="Price list"
            value={search.provider ?? ""}
            options={[{ value: "", label: "every list" }, "azure", "openai", "anthropic"]}
            onChange={(value) => set({ provider: value || undefined })}
          />
          <Choice
            label="Scope"
            value={scope}
            options={[
              { value: EVERY, label: "every scope" },
              ...[...new Set([...SCOPES, scope])]
                .filter((each) => each !== EVERY)
                .map((value) => ({ value, label: scopeName(value) })),
            ]}
            onChange={(value) => set({ scope: value === "global" ? undefined : value })}
          />
          <Choice
            label="Tier"
            value={tier}
            options={[{ value: EVERY, label: "every tier" }, "standard", "batch", "flex", "priority"]}
            onChange={(value) => set({ tier: value === "standard" ? undefined : value })}
          />
          <Segments
            label="Tokens of"
            value={family}
            options={(Object.keys(FAMILIES) as Family[]).map((value) => ({
              value,
              label: `${value[0]!.toUpperCase()}${value.slice(1)}`,
            }))}
            onChange={(value) => set({ unit: value === "text" ? undefined : value })}
          />
          <Check label="Added here" checked={search.added === "1"} onChange={(event) => set({ added: event.target.checked ? "1" : undefined })} />
          <Check label="History" checked={history} onChange={(event) => set({ history: event.target.checked ? "1" : undefined })} />
        </div>
        {prices.error && <ErrorBox error={prices.error} retry={() => void (prices.isFetchNextPageError ? fetchNextPage() : prices.refetch())} />}
        {!prices.data ? (
          !prices.error && <Bones rows={12} />
        ) : offers.length === 0 && !hasNextPage ? (
          <section className="card">
            <Empty icon={<Tags size={26} aria-hidden />} title="No price fits">
              {scope !== EVERY || tier !== EVERY ? (
                <>
                  <p>
                    None in scope {scope === EVERY ? "any" : scopeName(scope)}, tier {tier === EVERY ? "any" : tier}.
                  </p>
                  <Button onClick={() => set({ scope: EVERY, tier: EVERY })}>Look in every scope and tier</Button>
                </>
              ) : (
                <p>Take a filter away, look at the history, or add a price of your own.</p>
              )}
            </Empty>
          </section>
        ) : (
          <section className={prices.isPlaceholderData ? "card before" : "card"} aria-busy={prices.isPlaceholderData}>
            <OfferTable
              offers={drawn}
              family={family}
              history={history}
              withScope={scope === EVERY}
              withTier={tier === EVERY}
              chosen={search.price}
              onOpen={(price) => set({ price })}
            />
            <div className="row body dim">
              <span className="grow">
                {offers.length} {history ? "lines, past and coming ones with them" : "lines in force now"}
                {hasNextPage && " so far"}; USD for a million tokens.
              </span>
            </div>
          </section>
        )}
      </main>
      {search.add && mayChange && (
        <PriceForm key={search.model} model={search.model ?? ""} onClose={() => set({ add: undefined, model: undefined })} />
      )}
      {search.price && (
        <PriceDrawer
          key={search.price}
          id={search.price}
          onClose={() => set({ price: undefined })}
          onOpen={(price) => set({ price })}
        />
      )}
    </>
  );
}

function Choice({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string;
  options: readonly (string | { value: string; label: string })[];
  onChange: (value: string) => void;
}) {
  return (
    <Select
      small
      className="auto"
      aria-label={label}
      value={value}
      options={options}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
