import { describe, expect, it } from "vitest";
import { rowsOf } from "../src/features/settings/rows";

describe("settings beside their defaults", () => {
  it("tells those apart that are another, also within a section", () => {
    const value = { timeout: 5, log: { format: "json", level: "info" }, fallbacks: { a: ["b"] }, models: [] };
    const usual = { timeout: 600, log: { format: "human", level: "info" }, fallbacks: {}, models: [] };
    expect(rowsOf(value, usual).map((each) => [each.name, each.set, each.usual])).toEqual([
      ["fallbacks", true, {}],
      ["log.format", true, "human"],
      ["log.level", false, "info"],
      ["models", false, []],
      ["timeout", true, 600],
    ]);
  });

  it("takes what has no default for not stated", () => {
    expect(rowsOf({ max_budget: null, oidc: { issuer: "x" } }, {}).map((each) => each.set)).toEqual([false, true]);
  });
});
