const WHOLE = new Intl.NumberFormat("en-US");

/** `12,345` */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** `1 call`, `12,345 calls` */
export function calls(value: number): string {
  return `${count(value)} ${value === 1 ? "call" : "calls"}`;
}

/** `12.3k`: for axes and narrow places; the whole number belongs in a title. */
export function compact(value: number): string {
  const big = Math.abs(value);
  if (big < 10_000) return WHOLE.format(value);
  for (const [unit, letter] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (big >= unit) {
      const scaled = value / unit;
      return `${scaled.toFixed(Math.abs(scaled) >= 100 ? 0 : 1).replace(/\.0$/, "")}${letter}`;
    }
  }
  return WHOLE.format(value);
}

/** The whole number somebody typed: `1000`, `1,000` or `1 000`. NaN for what is none, such as `1,5`. */
export function countOf(text: string): number {
  const typed = text.trim();
  return /^(\d+|\d{1,3}([,_\s]\d{3})+)$/.test(typed) ? Number(typed.replace(/[,_\s]/g, "")) : Number.NaN;
}

/** A share from 0 to 1; small ones are never 0 %. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  const value = share * 100;
  if (value === 0) return "0%";
  if (Math.abs(value) < 0.01) return "<0.01%";
  if (Math.abs(value) < 1) return `${value.toFixed(2)}%`;
  if (Math.abs(value) < 10) return `${value.toFixed(1)}%`;
  if (value >= 1000) return `${(value / 100).toFixed(0)}×`;
  if (value >= 100) return `${value.toFixed(0)}%`;
  return value > 99.9 && value < 100 ? ">99.9%" : `${value.toFixed(value > 99 ? 1 : 0).replace(/\.0$/, "")}%`;
}

/** Seconds in the unit that suits: `340 µs`, `12 ms`, `1.84 s`, `2 min 5 s`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${seconds < 0.01 ? (seconds * 1e3).toFixed(1) : Math.round(seconds * 1e3)} ms`;
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} days`;
}

/** All tokens of counts by unit: `reasoning` is a part of the output, so it is not added again. */
export function tokensIn(tokens: Readonly<Record<string, number>>): number {
  return Object.entries(tokens)
    .filter(([unit]) => !unit.endsWith("output") && unit !== "reasoning")
    .reduce((sum, [, each]) => sum + each, 0);
}

/** Output tokens of counts by unit. */
export function tokensOut(tokens: Readonly<Record<string, number>>): number {
  return Object.entries(tokens)
    .filter(([unit]) => unit.endsWith("output"))
    .reduce((sum, [, each]) => sum + each, 0);
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(1)} KB`;
  return `${(value / 1024 ** 2).toFixed(1)} MB`;
}
