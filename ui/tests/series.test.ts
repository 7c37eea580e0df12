import { expect, it } from "vitest";
import type { SpendGroup } from "../src/client/api";
import { arrange, type Ask, REST, seriesOf } from "../src/features/usage/series";

const DAYS = 366;

/** Sums of so many keys, each with as many calls a day as its number says. */
function ledger(keys: number): Ask {
  return (query) => {
    const by = String(query["by"]).split(",");
    const chosen = query["key"] as string[] | undefined;
    const names = Array.from({ length: keys }, (_, at) => `key-${keys - at}`).filter((each) => chosen?.includes(each) ?? true);
    const days = by.includes("day") ? Array.from({ length: DAYS }, (_, at) => String(at)) : [""];
    const rows = (by.includes("key") ? names : [""]).flatMap((key) =>
      days.map((day) => ({
        group: { day, key },
        calls: (key ? [key] : names).reduce((sum, each) => sum + Number(each.slice(4)), 0),
      })),
    ) as unknown as SpendGroup[];
    const begin = Number(query["cursor"] ?? 0);
    const end = begin + Number(query["limit"]);
    return Promise.resolve({ data: rows.slice(begin, end), next: end < rows.length ? String(end) : null });
  };
}

const calls = (groups: readonly SpendGroup[]) => groups.reduce((sum, each) => sum + each.calls, 0);

it("a year of a few names is all there, page after page", async () => {
  const { groups, days } = await seriesOf(ledger(8), "key", {});
  expect(groups).toHaveLength(8 * DAYS);
  expect(days).toBeNull();
});

it("of many names the dearest are told apart, and the days are known as a whole", async () => {
  const { groups, days } = await seriesOf(ledger(50), "key", {});
  expect(new Set(groups.map((each) => each.group["key"]))).toEqual(
    new Set(["key-50", "key-49", "key-48", "key-47", "key-46", "key-45", "key-44"]),
  );
  expect(groups).toHaveLength(7 * DAYS);
  expect(calls(days ?? [])).toBe((50 * 51 * DAYS) / 2);
});

it("a chart's columns are as high as the days", async () => {
  const { groups, days } = await seriesOf(ledger(50), "key", {});
  const { columns, names } = arrange(groups, days, "key", ["0", "365", "none"], (each) => each.calls);
  expect(names.at(-1)).toBe(REST);
  expect(columns.map((each) => each.parts.reduce((sum, part) => sum + part.value, 0))).toEqual([1275, 1275, 0]);
});
