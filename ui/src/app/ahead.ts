import { askCalls, queryOf } from "../features/logs/ask";
import { askOverview } from "../features/overview/ask";
import { askRouter } from "../features/router/ask";
import { asked } from "../features/usage/ask";
import { queries } from "./queries";
import { pages, read, router } from "./routes";
import { parseSearch, type Search } from "./search";

/** What a page shows first, for its address. Pages that are not here answer at once. */
const ASKED: Record<string, (search: Search) => Promise<unknown>> = {
  "/": (search) => queries.prefetchQuery(askOverview(search as { days?: string })),
  "/logs": (search) => queries.prefetchInfiniteQuery(askCalls(queryOf(search))),
  "/usage": (search) => {
    const { spend, series } = asked(search);
    return Promise.all([queries.prefetchInfiniteQuery(spend), queries.prefetchQuery(series)]);
  },
  "/router": (search) => queries.prefetchQuery(askRouter(search as { days?: string })),
};

/** Reads the pages' files, one after another, once the first page has what it shows. */
export function readAhead(): () => void {
  const left = Object.values(pages);
  const idle = window.requestIdleCallback ?? ((run: () => void) => window.setTimeout(run, 50));
  let timer = 0;
  const next = () => {
    if (queries.isFetching()) {
      timer = window.setTimeout(next, 40);
      return;
    }
    const page = left.shift();
    if (page) void read(page).then(() => idle(soon, { timeout: 200 }));
  };
  const soon = () => {
    timer = window.setTimeout(next, 0);
  };
  timer = window.setTimeout(next, 100);
  return () => {
    left.length = 0;
    window.clearTimeout(timer);
  };
}

/** Asks for what a link leads to when the button goes down on it, and not only when it comes up. */
export function askAhead(event: PointerEvent): void {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link && event.button === 0 && !link.target && !link.hasAttribute("download")) askFor(link);
}

/** Asks for what a page of the navigation shows while the pointer rests on its name. */
export function askOnRest(event: PointerEvent): void {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("nav a") : null;
  if (!link || event.pointerType === "touch") return;
  const timer = window.setTimeout(() => askFor(link), 40);
  link.addEventListener("pointerleave", () => window.clearTimeout(timer), { once: true });
}

function askFor(link: HTMLAnchorElement): void {
  const { origin, pathname, search } = new URL(link.href);
  const below = router.basepath.replace(/\/$/, "");
  if (origin !== location.origin || !pathname.startsWith(`${below}/`)) return;
  const page = pathname.slice(below.length);
  void read(pages[page]);
  const { validateSearch } = pages[page]?.options ?? {}; // as the page will see it: else it asks again
  const found = parseSearch(search);
  void ASKED[page]?.(validateSearch ? validateSearch(found) : found).catch(() => undefined);
}
