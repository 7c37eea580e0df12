import type { Budget } from "../../client/api";
import { Money } from "../../shared/figures";
import { Bar } from "../../shared/kit";
import { size } from "../../shared/money";
import { toneOf, windowName } from "./Standing";

/** The budget that is nearest to its limit, in a line of a table. */
export function TightestBudget({ budgets }: { budgets: readonly Budget[] }) {
  const share = (budget: Budget) => budget.standing?.share ?? 0;
  const tightest = budgets.reduce<Budget | undefined>(
    (found, each) => (found && share(found) >= share(each) ? found : each),
    undefined,
  );
  if (!tightest) return <span className="dim">none</span>;
  return (
    <div className="row">
      <div className="meter">
        <Bar
          share={size(tightest.standing?.spent) / (size(tightest.limit) || 1)}
          tone={tightest.standing ? toneOf(tightest.standing) : undefined}
        />
      </div>
      <span className="number nowrap">
        <Money value={tightest.limit} /> <span className="dim">{windowName(tightest.window)}</span>
      </span>
    </div>
  );
}
