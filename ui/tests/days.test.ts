import { afterEach, describe, expect, it, vi } from "vitest";
import { range } from "../src/features/logs/words";
import { day } from "../src/shared/time";
import { dayBefore, isDay, ledgerDay, ledgerZone, nextDay, otherDaysBefore, useLedgerZone } from "../src/shared/days";

// The module of settings asks the browser for its theme as it loads.
vi.hoisted(() => vi.stubGlobal("matchMedia", () => ({ addEventListener: () => undefined })));

const at = (text: string) => Date.parse(text);

afterEach(() => useLedgerZone("UTC"));

describe("days of the ledger", () => {
  it("are those of its zone, wherever they are looked at from", () => {
    const late = at("2026-11-22T23:30:00Z");
    expect(ledgerDay(0, late)).toBe("2026-11-22");
    useLedgerZone("Europe/Berlin");
    expect(ledgerZone()).toBe("Europe/Berlin");
    expect(ledgerDay(0, late)).toBe("2026-11-23");
    expect(ledgerDay(6, late)).toBe("2026-11-17");
    useLedgerZone("America/Los_Angeles");
    expect(ledgerDay(0, at("2026-11-22T07:59:59Z"))).toBe("2026-11-21");
    expect(ledgerDay(0, at("2026-11-22T08:00:00Z"))).toBe("2026-11-22");
  });
  it("are those of UTC where a browser does not know the zone", () => {
    useLedgerZone("Mars/Base");
    expect(ledgerDay(0, at("2026-11-22T23:30:00Z"))).toBe("2026-11-22");
  });
  it("are counted as days where clocks change", () => {
    useLedgerZone("Europe/Berlin");
    const hours = Array.from({ length: 49 }, (_, hour) => at("2026-10-24T22:00:00Z") + hour * 3_600_000);
    expect(hours.filter((each) => ledgerDay(0, each) === "2026-10-25")).toHaveLength(25);
    expect(hours.filter((each) => ledgerDay(1, each) === "2026-10-25")).toHaveLength(24);
  });
  it("are of another zone where they were before", () => {
    useLedgerZone("Europe/Berlin", at("2026-10-27T23:00:00Z") / 1000);
    expect(otherDaysBefore("2026-10-27")).toBe("2026-10-28");
    expect(otherDaysBefore("2026-10-28")).toBeNull();
    useLedgerZone("Europe/Berlin", null);
    expect(otherDaysBefore("2020-01-01")).toBeNull();
  });
  it("have one before and one after", () => {
    expect(dayBefore("2026-03-01")).toBe("2026-02-28");
    expect(nextDay("2026-12-31")).toBe("2027-01-01");
    expect(dayBefore(nextDay("2026-10-25"))).toBe("2026-10-25");
  });
  it("are told from instants and spans", () => {
    expect(["2026-11-22", "2026-11-22T00:00:00Z", "7d", "", "22026-11-22"].map(isDay)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe("a stretch of the log", () => {
  it.each([
    ["2026-11-22", "2026-11-23", day("2026-11-22")],
    ["2026-11-20", "2026-11-23", `${day("2026-11-20")} – ${day("2026-11-22")}`],
    ["2026-11-20", undefined, `${day("2026-11-20")} – now`],
    ["3h", undefined, "3h ago – now"],
    [undefined, "2026-12-01", `… – ${day("2026-11-30")}`],
  ])("from %s to %s", (since, until, said) => expect(range(since, until)).toBe(said));
});
