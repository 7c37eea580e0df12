import { askCalls, queryOf } from "../features/logs/ask";
import { askOverview } from "../features/overview/ask";
import { askPrices } from "../features/prices/ask";
import { askRouter } from "../features/router/ask";
import { asked } from "../features/usage/ask";
import { queries } from "./queries";
import type { Search } from "./search";

/** What a page shows first, for its address. Pages that are not here answer at once. */
const ASKED: Record<string, (search: Search) => Promise<unknown>> = {
  "/": (search) => queries.prefetchQuery(askOverview(search as { days?: string })),
  "/logs": (search) => queries.prefetchInfiniteQuery(askCalls(queryOf(search))),
  "/usage": (search) => {
    const { spend, series } = asked(search);
    return Promise.all([queries.prefetchInfiniteQuery(spend), queries.prefetchQuery(series)]);
  },
  "/prices": (search) => queries.prefetchInfiniteQuery(askPrices(search)),
  "/router": (search) => queries.prefetchQuery(askRouter(search as { days?: string })),
};

/** Asks for what a page shows first, unless it is there already. Never rejects. */
export async function ask(page: string, search: Search): Promise<void> {
  await ASKED[page]?.(search).catch(() => undefined);
}

/** So many milliseconds a page is waited for before it is shown without its figures. */
const PATIENCE = 80;

/** Asks, and waits a moment: a page that comes with its figures is drawn once and not twice. */
export async function askFirst(page: string, search: Search): Promise<void> {
  if (ASKED[page]) await Promise.race([ask(page, search), new Promise((go) => setTimeout(go, PATIENCE))]);
}
