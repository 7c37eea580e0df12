import type { Budget, Limit } from "../../client/api";
import { Money } from "../../shared/figures";
import { Bar, Tag } from "../../shared/kit";
import { exact, size } from "../../shared/money";
import { count, percent } from "../../shared/numbers";
import { full, fromNow } from "../../shared/time";

/** `1mo` in words. */
export function windowName(window: string): string {
  if (window === "total") return "in all";
  const rolling = window.startsWith("rolling ");
  const text = window.replace("rolling ", "");
  const found = /^(\d+)\s*([a-z]+)$/.exec(text);
  if (!found) return window;
  const [, amount = "1", unit = ""] = found;
  const name = { s: "second", m: "minute", min: "minute", h: "hour", d: "day", w: "week", mo: "month", y: "year" }[unit] ?? unit;
  if (rolling) return `in any ${amount === "1" ? name : `${amount} ${name}s`}`;
  return amount === "1" ? `a ${name}` : `every ${amount} ${name}s`;
}

/** The colour of how a budget stands. */
export function toneOf(standing: NonNullable<Budget["standing"]>): "bad" | "warn" | undefined {
  return standing.state === "exhausted" ? "bad" : standing.state === "warning" ? "warn" : undefined;
}

/** How a budget stands: spent, held, where it will end. */
export function BudgetStanding({ budget, wide }: { budget: Budget; wide?: boolean }) {
  const { standing } = budget;
  const limit = size(budget.limit) || 1;
  if (!standing)
    return (
      <div className="dim">
        <Money value={budget.limit} /> {windowName(budget.window)}; how it stands is not known
      </div>
    );
  const over = standing.projected !== null && size(standing.projected) > limit;
  const tone = toneOf(standing) ?? (over ? "warn" : undefined);
  return (
    <div className="column standing">
      <div className="row">
        <span className="cut grow">
          <Money value={standing.spent} /> <span className="dim">of</span> <Money value={budget.limit} />{" "}
          <span className="dim">{windowName(budget.window)}</span>
        </span>
        {standing.state !== "ok" && <Tag tone={tone}>{standing.state === "exhausted" ? "used up" : "soft limit"}</Tag>}
        <span className="dim number">{percent(standing.share)}</span>
      </div>
      <Bar
        share={size(standing.spent) / limit}
        held={size(standing.held) / limit}
        mark={budget.soft_limit ? size(budget.soft_limit) / limit : undefined}
        tone={tone}
        label={`${exact(standing.spent)} of ${exact(budget.limit)} spent`}
      />
      {wide && (
        <div className="row wrap dim">
          <span>
            <Money value={standing.left} /> left
          </span>
          {size(standing.held) > 0 && (
            <span>
              <Money value={standing.held} /> held by calls under way
            </span>
          )}
          {standing.projected !== null && (
            <span className={over ? "over" : ""}>
              about {exact(rounded(standing.projected))} by the end{over ? ": over the limit" : ""}
            </span>
          )}
          {standing.resets_at && <span title={full(standing.resets_at)}>resets {fromNow(standing.resets_at)}</span>}
        </div>
      )}
    </div>
  );
}

/** A projection is a guess: its cents are enough, below a dollar the first digits. */
function rounded(amount: string): string {
  const value = size(amount);
  return value >= 1 ? value.toFixed(2) : value.toPrecision(2).includes("e") ? amount : value.toPrecision(2);
}

function counted({ measure, limit }: Limit): string {
  if (measure === "parallel") return limit === 1 ? "call at once" : "calls at once";
  return limit === 1 ? measure.slice(0, -1) : measure;
}

export function LimitStanding({ limit }: { limit: Limit }) {
  const { standing } = limit;
  return (
    <div className="column standing">
      <div className="row">
        <span className="cut grow">
          {count(limit.limit)} {counted(limit)}
          {limit.per && <span className="dim"> {limit.per === "hour" ? "an" : "a"} {limit.per}</span>}
          {limit.model && <span className="dim"> of {limit.model}</span>}
        </span>
        {standing && (
          <span className="dim number">
            {count(standing.used + standing.held)} {limit.measure === "parallel" ? "now" : "used"}
          </span>
        )}
      </div>
      {standing?.share !== undefined && standing?.share !== null && (
        <Bar share={standing.share} tone={standing.share >= 1 ? "bad" : undefined} />
      )}
    </div>
  );
}
