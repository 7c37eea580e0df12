import { api } from "../../client/api";
import { daysOf, ledgerDay } from "../../shared/time";

/** The figures of the page, for its address. */
export function askRouter(search: { days?: string | undefined; baseline?: string[] | undefined }) {
  const { baseline } = search;
  const since = ledgerDay(daysOf(search.days, 30) - 1);
  return api.queryOptions("get", "/api/router", { params: { query: { since, ...(baseline ? { baseline } : {}) } } });
}
