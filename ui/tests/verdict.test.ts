import { describe, expect, it } from "vitest";
import type { RouterUse } from "../src/client/api";
import { verdictOf } from "../src/features/router/verdict";

type Given = [model: string, wouldCost: string | null, saved: string | null];

function verdict(spend: string, ...baselines: Given[]) {
  const made = baselines.map(([model, would_cost, saved]) => ({ model, would_cost, saved, reason: "" }));
  return verdictOf({ total: { spend }, baselines: made } as unknown as RouterUse);
}

describe("whether a router was worth its price", () => {
  it("it was, where every model would have cost more; the dearest is named", () => {
    expect(verdict("1", ["a", "1.5", "0.5"], ["b", "4", "3"])).toEqual({
      models: 2,
      cheaper: { count: 2, most: { model: "b", amount: "3", share: 0.75 } },
      dearer: null,
    });
  });
  it("it was not, where every model would have cost less; the amount has no sign", () => {
    expect(verdict("1", ["a", "0.5", "-0.5"])?.dearer).toEqual({ count: 1, most: { model: "a", amount: "0.5", share: 1 } });
  });
  it("of some dearer and some cheaper ones the outermost are named", () => {
    const found = verdict("2", ["a", "1", "-1"], ["b", "1.5", "-0.5"], ["c", "3", "1"], ["d", "4", "2"]);
    expect([found?.cheaper?.most.model, found?.dearer?.most.model]).toEqual(["d", "a"]);
  });
  it("of a minimum only what it exceeds already is known, and not by how much", () => {
    expect(verdict("2", ["a", "1", null], ["b", "3", null])).toEqual({
      models: 2,
      cheaper: null,
      dearer: { count: 1, most: { model: "a", amount: null, share: null } },
    });
  });
  it("is not said where nothing is known", () => {
    expect(verdict("2", ["b", "3", null])).toBeNull();
    expect(verdict("2", ["b", null, null])).toBeNull();
    expect(verdict("2")).toBeNull();
  });
  it("the same amount is neither", () => {
    expect(verdict("2", ["b", "2", "0"])).toEqual({ models: 1, cheaper: null, dearer: null });
  });
});
