import type { RouterUse } from "../../client/api";
import { size } from "../../shared/money";

type Baseline = RouterUse["baselines"][number];

/** One fixed model, and how far the router was from it; without an amount that is not known. */
export interface Against {
  model: string;
  /** Exact text without a sign. */
  amount: string | null;
  /** Of what the model would have cost. */
  share: number | null;
}

export interface Verdict {
  /** How many models it was held against that have a price. */
  models: number;
  /** Of those that would have cost more, the dearest; of those that would have cost less, the cheapest. */
  cheaper: { count: number; most: Against } | null;
  dearer: { count: number; most: Against } | null;
}

/**
 * Whether the router was worth its price, against each model that has one. Where what was spent is
 * a minimum, only what it exceeds already is known: there it was dearer, by more than can be said.
 */
export function verdictOf(use: Pick<RouterUse, "total" | "baselines">): Verdict | null {
  const known = use.baselines.filter((each) => each.would_cost !== null);
  const cheaper = known.filter((each) => each.saved !== null && size(each.saved) > 0);
  const dearer = known.filter((each) =>
    each.saved === null ? size(use.total.spend) > size(each.would_cost) : size(each.saved) < 0,
  );
  if (!known.some((each) => each.saved !== null) && !dearer.length) return null;
  const by = (one: Baseline, other: Baseline) => size(one.would_cost) - size(other.would_cost);
  return {
    models: known.length,
    cheaper: cheaper.length ? { count: cheaper.length, most: against(cheaper.sort(by).at(-1)!) } : null,
    dearer: dearer.length ? { count: dearer.length, most: against(dearer.sort(by)[0]!) } : null,
  };
}

function against({ model, saved, would_cost }: Baseline): Against {
  if (saved === null) return { model, amount: null, share: null };
  const share = size(would_cost) > 0 ? Math.abs(size(saved)) / size(would_cost) : null;
  return { model, amount: saved.replace(/^-/, ""), share };
}
