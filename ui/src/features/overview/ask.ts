import { api } from "../../client/api";
import { daysOf } from "../../shared/time";

/** The figures of the page, for its address. */
export function askOverview(search: { days?: string | undefined }) {
  return api.queryOptions("get", "/api/overview", { params: { query: { days: daysOf(search.days, 7) } } });
}
