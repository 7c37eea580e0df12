import type { Price } from "../../client/api";

type Unit = Price["unit"];

/** The prices of one model in one place: scope, tier and length of the prompt. */
export interface Offer {
  id: string;
  first: Price;
  prices: ReadonlyMap<Unit, Price>;
  /** The newest of their days. */
  from: string;
}

export const FAMILIES = {
  text: ["input", "cache_read", "cache_write", "cache_write_1h", "output"],
  audio: ["audio_input", "audio_cache_read", "audio_output"],
  image: ["image_input", "image_cache_read", "image_output"],
} as const satisfies Record<string, readonly Unit[]>;

export type Family = keyof typeof FAMILIES;

export const isFamily = (name: string | undefined): name is Family => name !== undefined && name in FAMILIES;

/** Rows of the book put together, in their order; with `history` those of another day stay apart. */
export function offersOf(rows: readonly Price[], history = false): Offer[] {
  const found = new Map<string, { first: Price; prices: Map<Unit, Price>; from: string }>();
  for (const row of rows) {
    const place = [row.provider, row.model, row.scope, row.tier, row.context, history ? row.effective_from : ""].join("\n");
    const offer = found.get(place) ?? { first: row, prices: new Map<Unit, Price>(), from: row.effective_from };
    const rival = offer.prices.get(row.unit);
    // Of the same day the one that somebody added goes before the bundled one.
    if (!rival || row.added || !rival.added) offer.prices.set(row.unit, row);
    if (row.effective_from > offer.from) offer.from = row.effective_from;
    found.set(place, offer);
  }
  return [...found].map(([id, offer]) => ({ id, ...offer })).sort(compare);
}

const TIERS = ["standard", "batch", "flex", "priority"];

/** By model, then from the usual to the special; equal ones stay as they came. */
function compare(a: Offer, b: Offer): number {
  const [one, other] = [a.first, b.first];
  return (
    one.provider.localeCompare(other.provider) ||
    one.model.localeCompare(other.model) ||
    Number(other.scope === "global") - Number(one.scope === "global") ||
    one.scope.localeCompare(other.scope) ||
    TIERS.indexOf(one.tier) - TIERS.indexOf(other.tier) ||
    one.context_from - other.context_from
  );
}

/** Whether a price was in force always: it says so with the beginning of time. */
export function always(price: string): boolean {
  return Date.parse(price) <= 0;
}

/** How sure a price is, for people. */
export const CONFIDENCE: Readonly<Record<Price["confidence"], { name: string; about: string }>> = {
  meter: { name: "meter", about: "From the vendor's own list of billing meters" },
  page: { name: "page", about: "From the vendor's pricing page" },
  vendor_list: { name: "vendor list", about: "From a list kept of vendors' prices" },
  derived: { name: "derived", about: "Worked out from another price by a documented rule" },
  own: { name: "added", about: "Somebody added it here" },
};

export function scopeName(scope: string): string {
  const found = scope.replaceAll("_", " ").replace("regional:", "regional: ");
  return found.replace(/\b(us|eu|apac)\b/, (each) => each.toUpperCase());
}
