import { describe, expect, it } from "vitest";
import { compact, countOf, duration, percent, tokensIn, tokensOut } from "../src/shared/numbers";

describe("tokens", () => {
  const counts = { input: 100, cache_read: 20, output: 30, reasoning: 10, audio_input: 5, audio_output: 7 };
  it("in are all that is no output", () => expect(tokensIn(counts)).toBe(125));
  it("out have the reasoning in them already", () => expect(tokensOut(counts)).toBe(37));
});

describe("a count that was typed", () => {
  it.each([
    ["1,200", 1200],
    [" 90 000 ", 90000],
    ["1_000", 1000],
    ["0", 0],
  ])("%s is %s", (text, value) => expect(countOf(text)).toBe(value));
  it.each(["", "1.5", "1,5", "10,00", "-3", "ten", "1e3"])("%j is none", (text) => expect(countOf(text)).toBeNaN());
});

describe("a share", () => {
  it.each([
    [0, "0%"],
    [0.00001, "<0.01%"],
    [0.004, "0.40%"],
    [0.05, "5.0%"],
    [0.5, "50%"],
    [0.9999, ">99.9%"],
    [1, "100%"],
    [6.5, "650%"],
    [null, "–"],
  ])("%s is %s", (share, shown) => expect(percent(share)).toBe(shown));
});

describe("a duration", () => {
  it.each([
    [0.00034, "340 µs"],
    [0.0042, "4.2 ms"],
    [0.294, "294 ms"],
    [1.843, "1.84 s"],
    [125, "2 min 5 s"],
    [7260, "2 h 1 min"],
    [null, "–"],
  ])("%s is %s", (seconds, shown) => expect(duration(seconds)).toBe(shown));
});

it("long numbers are shortened, short ones are not", () => {
  expect(compact(9_999)).toBe("9,999");
  expect(compact(12_345)).toBe("12.3k");
  expect(compact(5_100_000)).toBe("5.1M");
  expect(compact(123_000_000_000)).toBe("123B");
});
