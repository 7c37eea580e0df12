import { describe, expect, it } from "vitest";
import { parseSearch, searchOf, stringifySearch } from "../src/app/search";
import { curl, pythonic } from "../src/features/playground/snippets";
import { cell } from "../src/shared/csv";
import { daysBetween, daysOf, nextDay } from "../src/shared/days";

describe("an address", () => {
  it("keeps what it says", () => {
    const search = { model: ["a b", "c&d"], since: "24h", tag: "" };
    expect(parseSearch(stringifySearch(search))).toEqual(search);
  });
  it("is checked for the names of its page", () => {
    const check = searchOf(["model"], ["since"]);
    expect(check({ model: "a", since: ["1h", "2h"], evil: "x" })).toEqual({ model: ["a"], since: "1h" });
  });
});

describe("a file for spreadsheets", () => {
  it.each([
    ["plain", "plain"],
    ['say "hi", all', '"say ""hi"", all"'],
    ["=1+1", "'=1+1"],
    ["@cmd", "'@cmd"],
    ["-0.5", "-0.5"],
    ["-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"],
    [7, "7"],
  ])("%s is written %s", (value, written) => expect(cell(value)).toBe(written));
});

describe("a call from elsewhere", () => {
  it("is quoted for a shell", () => expect(curl("http://h", { a: "it's" })).toContain(`-d '{"a":"it'\\''s"}'`));
  it("is read from the input where it is too long for a command", () =>
    expect(curl("http://h", { a: `it's ${"x".repeat(200_000)}` })).toMatch(/ --data-binary @- <<'END'\n\{"a":"it's x+"\}\nEND$/));
  it("is written as Python", () => expect(pythonic({ a: [true, null], b: "x" })).toBe('{"a": [\n        True,\n        None,\n    ], "b": "x"}'));
});

describe("days", () => {
  it("are counted across a month's end", () =>
    expect(daysBetween("2026-02-27", "2026-03-01")).toEqual(["2026-02-27", "2026-02-28", "2026-03-01"]));
  it.each([
    ["90", 90],
    [undefined, 30],
    ["abc", 30],
    ["-5", 30],
    ["1e9", 30],
    ["1.5", 30],
  ])("%s in an address are %s", (text, found) => expect(daysOf(text, 30)).toBe(found));
  it("go on", () => expect(nextDay("2026-12-31")).toBe("2027-01-01"));
});
