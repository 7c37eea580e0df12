import type { ReactNode } from "react";
import { api } from "../../client/api";
import { Money } from "../../shared/figures";

/** What each team or user spent in the last 30 days; a dash while that is not known. */
export function useSpent(noun: "team" | "user"): (id: string) => ReactNode {
  const spend = api.useQuery("get", "/api/spend", { params: { query: { by: noun, since: "29d", limit: 1000 } } });
  const sums = new Map(spend.data?.data.map((each) => [each.group[noun] ?? "", each]));
  if (!spend.data) return () => <span className="dim">–</span>;
  const { next } = spend.data;
  return (id) => {
    const sum = sums.get(id);
    // Those beyond the thousand that spent the most are not among the sums.
    if (!sum && next) return <span className="dim">–</span>;
    return <Money value={sum?.spend ?? "0"} minimum={sum?.minimum ?? false} />;
  };
}
