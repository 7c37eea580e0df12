import { expect, it } from "vitest";
import type { Call } from "../src/client/api";
import { merged, newer, noEarlier, type Read } from "../src/features/logs/tail";

/** A call that started in that second. */
function call(second: number): Call {
  const text = String(second).padStart(6, "0");
  return { call_id: `call_${text}`, started: `2026-11-22T00:00:00.${text}Z` } as Call;
}

function calls(from: number, to: number): Call[] {
  return Array.from({ length: to - from + 1 }, (_, at) => call(to - at));
}

/** A log that is read from its newest call on. */
function log(rows: readonly Call[]): Read {
  return (cursor, limit) => {
    const begin = Number(cursor ?? 0);
    const end = begin + limit;
    return Promise.resolve({ data: rows.slice(begin, end), next: end < rows.length ? String(end) : null });
  };
}

const ids = (rows: readonly Call[]) => new Set(rows.map((each) => each.call_id));

it("none is left out, however many came since", async () => {
  const before = calls(1, 300);
  const { found, whole } = await newer(log(calls(1, 750)), ids(before));
  expect(found).toEqual(calls(301, 750));
  expect(whole).toBe(true);
});

it("it is told when more came than can be read", async () => {
  expect((await newer(log(calls(1, 9000)), ids(calls(1, 300)))).whole).toBe(false);
});

it("an empty part of a search is not the end of it", async () => {
  const parts = [
    { data: [], next: "1", searched_to: "2026-11-22T00:00:01Z" },
    { data: [call(9)], next: null },
  ];
  const read: Read = (cursor) => Promise.resolve(parts[Number(cursor ?? 0)]!);
  expect(await newer(read, new Set())).toEqual({ found: [call(9)], whole: true });
});

it("a slow call is found below quicker ones that are known", async () => {
  const rows = calls(1, 600);
  const late = call(380);
  const known = ids(rows.filter((each) => each !== rows[220]));
  expect((await newer(log(rows), known)).found).toEqual([]);
  expect((await newer(log(rows), known, 500)).found).toEqual([late]);
});

it("lists are put together in the log's order, each call once", () => {
  const rows = calls(1, 9);
  const [one, other] = [rows.filter((_, at) => at % 2), rows.filter((_, at) => at % 3 === 0)];
  const both = rows.filter((_, at) => at % 2 || at % 3 === 0);
  expect(merged(one, other)).toEqual(both);
  expect(merged([], other)).toEqual(other);
});

it("a live look goes no further back than it must, nor than the filter does", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  const minute = 60_000;
  const from = now - minute;
  expect(noEarlier(undefined, from, now)).toBe("2026-11-22T11:59:00.000Z");
  expect(noEarlier("24h", from, now)).toBe("2026-11-22T11:59:00.000Z");
  expect(noEarlier("30s", from, now)).toBe("30s");
  expect(noEarlier("2026-11-22", from, now)).toBe("2026-11-22T11:59:00.000Z");
  expect(noEarlier("2026-11-22T11:59:30Z", from, now)).toBe("2026-11-22T11:59:30Z");
  expect(noEarlier("2026-12-01", from, now)).toBe("2026-12-01");
});
