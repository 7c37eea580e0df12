/**
 * Money is decimal text from the API and stays text: nothing here computes an amount. What is shown
 * has every digit; those that matter less are only drawn fainter.
 */

export interface Parts {
  sign: "" | "-";
  /** The digits to read: grouped, down to the cents or to the third digit that is not zero. */
  head: string;
  /** All the others. */
  tail: string;
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Exact text split into what to read first and the rest. Anything that is no amount is the head. */
export function parts(amount: string): Parts {
  const found = DECIMAL.exec(amount);
  if (!found) return { sign: "", head: amount, tail: "" };
  const [, sign, whole, fraction = ""] = found;
  const digits = fraction.replace(/0+$/, "").padEnd(2, "0");
  const leading = /^0*/.exec(digits)?.[0].length ?? 0;
  const shown = whole === "0" ? Math.max(2, Math.min(digits.length, leading + 3)) : 2;
  const grouped = whole!.replace(/^0+(?=\d)/, "").replace(/\B(?=(\d{3})+$)/g, ",");
  return {
    sign: sign === "-" && /[1-9]/.test(amount) ? "-" : "",
    head: `${grouped}.${digits.slice(0, shown)}`,
    tail: digits.slice(shown),
  };
}

/** All digits, with a dollar sign. */
export function exact(amount: string): string {
  const { sign, head, tail } = parts(amount);
  return `${sign}$${head}${tail}`;
}

/** A number to draw with: heights and shares, never shown as an amount. */
export function size(amount: string | null | undefined): number {
  const found = Number(amount ?? 0);
  return Number.isFinite(found) ? found : 0;
}

/** About so much, for axes: `$12k`, `$0.04`, `$0.000034`. */
export function about(value: number): string {
  const big = Math.abs(value);
  if (big === 0) return "$0";
  if (big >= 1e9) return `$${trim(value / 1e9)}B`;
  if (big >= 1e6) return `$${trim(value / 1e6)}M`;
  if (big >= 1e4) return `$${trim(value / 1e3)}k`;
  if (big >= 1) return `$${trim(value)}`;
  const places = Math.min(12, Math.ceil(-Math.log10(big)) + 1);
  return `$${value.toFixed(places).replace(/0+$/, "")}`;
}

function trim(value: number): string {
  const text = value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** The change from one amount to another: `+12 %`; empty where there was nothing before. */
export function change(now: number, before: number): string {
  if (before === 0) return "";
  const percent = ((now - before) / before) * 100;
  if (Math.abs(percent) < 0.5) return "±0%";
  if (percent >= 99_900) return ">999×";
  if (percent >= 1000) return `${(now / before).toFixed(0)}×`;
  return `${percent > 0 ? "+" : "−"}${Math.abs(percent).toFixed(0)}%`;
}

const AMOUNT = /^\$?\s*(\d{1,12}|\d{1,3}(,\d{3})+)(\.\d{1,12})?$/;

/** Whether text from a form is an amount, and a positive one. A comma stands between thousands only. */
export function isAmount(text: string): boolean {
  return AMOUNT.test(text.trim());
}

/** An amount from a form as the API takes it; what is none, `0,50` for one, goes there to be refused. */
export function amountOf(text: string): string {
  return isAmount(text) ? text.trim().replace(/[$,\s]/g, "") : text.trim();
}
