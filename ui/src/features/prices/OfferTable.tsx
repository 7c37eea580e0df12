import type { Price } from "../../client/api";
import { Tag } from "../../shared/kit";
import { exact } from "../../shared/money";
import { count } from "../../shared/numbers";
import { date } from "../../shared/time";
import { UNIT_NAMES } from "../logs/words";
import { always, CONFIDENCE, type Family, FAMILIES, type Offer, scopeName } from "./pivot";

/** A line for each offer, a column for each unit; every price leads to its row. */
export function OfferTable({
  offers,
  family,
  history = false,
  withModel = true,
  withScope,
  withTier,
  chosen,
  onOpen,
}: {
  offers: readonly Offer[];
  family: Family;
  history?: boolean;
  withModel?: boolean;
  withScope: boolean;
  withTier: boolean;
  chosen: string | undefined;
  onOpen: (id: string) => void;
}) {
  const units = FAMILIES[family].filter((unit) => offers.some((each) => each.prices.has(unit)));
  return (
    <div className="table-wrap">
      <table className="table offers">
        <thead>
          <tr>
            {withModel && <th>Model</th>}
            {withScope && <th>Scope</th>}
            {withTier && <th>Tier</th>}
            {units.map((each) => (
              <th key={each} className="end">
                {UNIT_NAMES[each] ?? each}
              </th>
            ))}
            <th>{history ? "In force" : "Since"}</th>
            <th>From</th>
          </tr>
        </thead>
        <tbody>
          {offers.map((each) => (
            <Line
              key={each.id}
              offer={each}
              units={units}
              history={history}
              withModel={withModel}
              withScope={withScope}
              withTier={withTier}
              chosen={chosen}
              onOpen={onOpen}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Line({
  offer,
  units,
  history,
  withModel,
  withScope,
  withTier,
  chosen,
  onOpen,
}: {
  offer: Offer;
  units: readonly Price["unit"][];
  history: boolean;
  withModel: boolean;
  withScope: boolean;
  withTier: boolean;
  chosen: string | undefined;
  onOpen: (id: string) => void;
}) {
  const { first, prices } = offer;
  const lead = units.map((unit) => prices.get(unit)).find((each) => each) ?? first;
  const picked = [...prices.values()].some((each) => each.id === chosen);
  const long = first.context === "long" && (
    <Tag title={`Prompts of ${count(first.context_from)} tokens or more`}>≥ {count(first.context_from)}</Tag>
  );
  return (
    <tr className={picked ? "pick picked" : "pick"} onClick={() => onOpen(lead.id)}>
      {withModel && (
        <td>
          <div className="row">
            <b className="cut" title={first.model}>
              {first.model}
            </b>
            <span className="dim">{first.provider}</span>
            {long}
          </div>
        </td>
      )}
      {withScope && (
        <td className="soft">
          {scopeName(first.scope)} {!withModel && long}
        </td>
      )}
      {withTier && <td className="soft">{first.tier}</td>}
      {units.map((unit) => {
        const price = prices.get(unit);
        return (
          <td key={unit} className="end number">
            {price ? (
              <button
                type="button"
                className={price.added ? "quiet-link own-price" : "quiet-link"}
                title={`${price.id}\n${price.source}`}
                onClick={(event) => {
                  event.stopPropagation();
                  onOpen(price.id);
                }}
              >
                {exact(price.usd_per_million)}
              </button>
            ) : (
              <span className="dim">–</span>
            )}
          </td>
        );
      })}
      <td className="soft number">
        {always(offer.from) ? "always" : date(offer.from, "UTC")}
        {history && first.effective_to && ` – ${date(first.effective_to, "UTC")}`}
        {Date.parse(offer.from) > Date.now() && (
          <>
            {" "}
            <Tag tone="info">to come</Tag>
          </>
        )}
      </td>
      <td>
        <Tag tone={lead.added ? "accent" : undefined} title={`${CONFIDENCE[lead.confidence].about}: ${lead.source}`}>
          {CONFIDENCE[lead.confidence].name}
        </Tag>
      </td>
    </tr>
  );
}
