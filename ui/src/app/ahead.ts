import { ask } from "./asks";
import { queries } from "./queries";
import { pages, read, router } from "./routes";
import { parseSearch } from "./search";

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
  void ask(page, validateSearch ? validateSearch(found) : found);
}
