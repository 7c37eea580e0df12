import { describe, expect, it } from "vitest";
import { about, amountOf, change, exact, isAmount, parts } from "../src/shared/money";

describe("an amount", () => {
  it.each([
    ["0", "$0.00"],
    ["0.00003405", "$0.00003405"],
    ["0.000000000001", "$0.000000000001"],
    ["1", "$1.00"],
    ["1.5", "$1.50"],
    ["10.50", "$10.50"],
    ["1234567.891", "$1,234,567.891"],
    ["999999999999.999999999999", "$999,999,999,999.999999999999"],
    ["-0.5", "-$0.50"],
    ["-0", "$0.00"],
  ])("%s is shown with every digit: %s", (amount, shown) => expect(exact(amount)).toBe(shown));

  it("is never nothing when it is something", () => {
    for (let places = 1; places <= 12; places++) {
      const amount = `0.${"0".repeat(places - 1)}7`;
      expect(parts(amount).head).toMatch(/7/);
    }
  });

  it("draws what matters less fainter, and leaves nothing out", () => {
    expect(parts("0.00155412")).toEqual({ sign: "", head: "0.00155", tail: "412" });
    expect(parts("12.345678")).toEqual({ sign: "", head: "12.34", tail: "5678" });
    expect(parts("0.05")).toEqual({ sign: "", head: "0.05", tail: "" });
  });

  it("that is none is shown as it came", () => expect(exact("lots")).toBe("$lots"));
});

describe("an axis", () => {
  it.each([
    [0, "$0"],
    [0.05, "$0.05"],
    [0.00003, "$0.00003"],
    [2.5, "$2.5"],
    [1500, "$1500"],
    [25_000, "$25k"],
    [3_200_000, "$3.2M"],
  ])("%d is %s", (value, shown) => expect(about(value)).toBe(shown));
});

describe("a change", () => {
  it.each([
    [110, 100, "+10%"],
    [50, 100, "−50%"],
    [100, 100, "±0%"],
    [100, 0, ""],
    [5000, 100, "50×"],
    [9_730_455, 0.0000045, ">999×"],
  ])("from %d to %d", (now, before, shown) => expect(change(now, before)).toBe(shown));
});

describe("an amount in a form", () => {
  it.each(["10", "$10", " 10.50 ", "1,000", "12,345,678.5", "0.000000000001"])("%s is one", (text) => expect(isAmount(text)).toBe(true));
  it.each(["", "ten", "-1", "1e3", "1.2.3", "0.0000000000001", "0,50", "1,5", "1,0000", "1.000,50"])("%s is none", (text) => expect(isAmount(text)).toBe(false));
  it("that is none goes out as it is, for nobody to read 0,50 as 50", () => expect(amountOf("0,50")).toBe("0,50"));
  it("goes out without ornaments", () => expect(amountOf(" $1,000.50 ")).toBe("1000.50"));
});
