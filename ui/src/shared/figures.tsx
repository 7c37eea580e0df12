import { useChosen } from "./settings";
import { exact, parts } from "./money";
import { compact, count } from "./numbers";
import { clock, full } from "./time";

/** An amount with every digit; null is unknown and never nothing. */
export function Money({ value, minimum }: { value: string | null | undefined; minimum?: boolean }) {
  if (value === null || value === undefined)
    return (
      <span className="money dim" title="Not known yet: a price is missing or the call was lost">
        unknown
      </span>
    );
  const { sign, head, tail } = parts(value);
  const title = `${exact(value)}${minimum ? " at least: some calls have no price yet" : ""}`;
  return (
    <span className="money" title={title} data-amount={value}>
      {minimum && <span className="dim">≥ </span>}
      {sign}${head}
      {tail && <span className="tail">{tail}</span>}
    </span>
  );
}

/** A count, shortened where it is long; whole in its title. */
export function Count({ value, whole }: { value: number; whole?: boolean }) {
  return (
    <span className="number" title={count(value)}>
      {whole ? count(value) : compact(value)}
    </span>
  );
}

/** An instant in the chosen zone; in full in its title. */
export function Time({ at, whole }: { at: string; whole?: boolean }) {
  const zone = useChosen("zone");
  return (
    <time dateTime={at} title={`${full(at, zone)}\n${at}`}>
      {whole ? full(at, zone) : clock(at, zone)}
    </time>
  );
}
