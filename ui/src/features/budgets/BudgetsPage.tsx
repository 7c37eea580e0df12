import { Top } from "../../app/Shell";

export function BudgetsPage() {
  return <Top title="Budgets" />;
}
