import { infiniteQueryOptions } from "@tanstack/react-query";
import { client, type PriceQuery } from "../../client/api";

export const EVERY = "every";
/** Rows of the first answer: more than a screen shows. The others come after it. */
const FIRST = 150;

/** The book's rows, for the page's address. */
export function askPrices(search: Record<string, string | string[] | undefined>) {
  const text = (name: string) => (typeof search[name] === "string" ? search[name] : "");
  const scope = text("scope") || "global";
  const tier = text("tier") || "standard";
  const query: PriceQuery = {
    q: text("q"),
    ...(text("provider") ? { provider: text("provider") } : {}),
    ...(scope === EVERY ? {} : { scope }),
    ...(tier === EVERY ? {} : { tier }),
    ...(search["added"] === "1" ? { added: true } : {}),
    history: search["history"] === "1",
  };
  return infiniteQueryOptions({
    queryKey: ["prices", query],
    queryFn: async ({ pageParam, signal }) => {
      const asked = { ...query, cursor: pageParam, limit: pageParam ? 1000 : FIRST };
      const { data, error } = await client.GET("/api/prices", { params: { query: asked }, signal });
      if (error) throw error;
      return data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });
}
