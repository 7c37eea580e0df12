import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { askFirst } from "./asks";
import { loaded } from "./loading";
import { CALL_LISTS, CALL_TEXTS, parseSearch, type Search, searchOf, SPEND_LISTS, stringifySearch } from "./search";
import { Broken, NotFound, Shell } from "./Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Broken });
const below = { getParentRoute: () => root };

/** A page that is shown once it has its figures, or a moment later without them. */
function drawnOnce(page: string) {
  return {
    beforeLoad: async ({ search, cause }: { search: object; cause: string }) => {
      // Not the first page: that is drawn while the session is still asked for.
      if (cause === "enter" && router.state.resolvedLocation) await askFirst(page, search as Search);
    },
  };
}

const overview = createRoute({
  ...below,
  path: "/",
  ...drawnOnce("/"),
  validateSearch: searchOf([], ["days"]),
  component: lazyRouteComponent(loaded(() => import("../features/overview/OverviewPage")), "OverviewPage"),
});

const logs = createRoute({
  ...below,
  path: "/logs",
  ...drawnOnce("/logs"),
  validateSearch: searchOf(CALL_LISTS, [...CALL_TEXTS, "call", "live"]),
  component: lazyRouteComponent(loaded(() => import("../features/logs/LogsPage")), "LogsPage"),
});

const usage = createRoute({
  ...below,
  path: "/usage",
  ...drawnOnce("/usage"),
  validateSearch: searchOf(SPEND_LISTS, ["tag", "by", "days", "since", "until", "chart"]),
  component: lazyRouteComponent(loaded(() => import("../features/usage/UsagePage")), "UsagePage"),
});

const routing = createRoute({
  ...below,
  path: "/router",
  ...drawnOnce("/router"),
  validateSearch: searchOf(["baseline"], ["days", "deployment"]),
  component: lazyRouteComponent(loaded(() => import("../features/router/RouterPage")), "RouterPage"),
});

const playground = createRoute({
  ...below,
  path: "/playground",
  validateSearch: searchOf(["model"], ["system", "prompt", "temperature", "max_tokens", "stream"]),
  component: lazyRouteComponent(loaded(() => import("../features/playground/PlaygroundPage")), "PlaygroundPage"),
});

const models = createRoute({
  ...below,
  path: "/models",
  validateSearch: searchOf([], ["q", "deployment", "add"]),
  component: lazyRouteComponent(loaded(() => import("../features/models/ModelsPage")), "ModelsPage"),
});

const prices = createRoute({
  ...below,
  path: "/prices",
  ...drawnOnce("/prices"),
  validateSearch: searchOf([], ["q", "provider", "unit", "scope", "tier", "added", "history", "price", "add", "model"]),
  component: lazyRouteComponent(loaded(() => import("../features/prices/PricesPage")), "PricesPage"),
});

const keys = createRoute({
  ...below,
  path: "/keys",
  validateSearch: searchOf([], ["q", "team", "user", "key", "add"]),
  component: lazyRouteComponent(loaded(() => import("../features/keys/KeysPage")), "KeysPage"),
});

const teams = createRoute({
  ...below,
  path: "/teams",
  validateSearch: searchOf([], ["q", "team", "add"]),
  component: lazyRouteComponent(loaded(() => import("../features/teams/TeamsPage")), "TeamsPage"),
});

const users = createRoute({
  ...below,
  path: "/users",
  validateSearch: searchOf([], ["q", "user", "add"]),
  component: lazyRouteComponent(loaded(() => import("../features/users/UsersPage")), "UsersPage"),
});

const budgets = createRoute({
  ...below,
  path: "/budgets",
  validateSearch: searchOf([], ["scope", "add"]),
  component: lazyRouteComponent(loaded(() => import("../features/budgets/BudgetsPage")), "BudgetsPage"),
});

const settings = createRoute({
  ...below,
  path: "/settings",
  validateSearch: searchOf([], ["q", "changed"]),
  component: lazyRouteComponent(loaded(() => import("../features/settings/SettingsPage")), "SettingsPage"),
});

const audit = createRoute({
  ...below,
  path: "/audit",
  validateSearch: searchOf([], ["kind", "id", "actor"]),
  component: lazyRouteComponent(loaded(() => import("../features/settings/AuditPage")), "AuditPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    logs,
    usage,
    routing,
    playground,
    models,
    prices,
    keys,
    teams,
    users,
    budgets,
    settings,
    audit,
  ]),
  basepath: new URL(document.baseURI).pathname.replace(/\/$/, "") || "/",
  parseSearch,
  stringifySearch,
  defaultPreload: false,
  defaultErrorComponent: Broken, // below the navigation, which stays
  scrollRestoration: true,
});

interface Page {
  options: { component?: unknown; validateSearch?: (search: Search) => Search };
}

type Preloadable = { preload?: () => Promise<unknown> } | undefined;

/** Reads a page's file. */
export function read(route: Page | undefined): Promise<unknown> {
  return Promise.resolve((route?.options.component as Preloadable)?.preload?.()).catch(() => undefined);
}

// The page's own file is read while the session is still asked for.
export const pages = router.routesById as unknown as Record<string, Page | undefined>;
for (const match of router.matchRoutes(router.latestLocation) as { routeId: string }[]) void read(pages[match.routeId]);

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
