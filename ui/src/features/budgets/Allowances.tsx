import { Pencil } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useSession } from "../../app/session";
import { api, type Budget, type Limit } from "../../client/api";
import { IconButton } from "../../shared/kit";
import { BudgetForm } from "./BudgetForm";
import { LimitForm } from "./LimitForm";
import { BudgetStanding, LimitStanding } from "./Standing";

/** Every budget and limit of a key, team or user: those it carries, and those that stand alone. */
export function Allowances({
  scope,
  holder,
}: {
  scope: "key" | "team" | "user";
  holder: { id: string; budgets: Budget[]; limits: Limit[] };
}) {
  const [editing, setEditing] = useState<{ budget: Budget } | { limit: Limit } | null>(null);
  const params = { params: { query: { scope, scope_id: holder.id, limit: 1000 } } };
  const live = { refetchInterval: 5000 };
  // What is carried is known at once; what stands alone follows.
  const budgets = api.useQuery("get", "/api/budgets", params, live).data?.data ?? holder.budgets;
  const limits = api.useQuery("get", "/api/limits", params, live).data?.data ?? holder.limits;
  const stop = () => setEditing(null);
  return (
    <>
      {budgets.length > 0 && (
        <section className="column">
          <h3>Budgets</h3>
          {budgets.map((each) => (
            <Line key={each.id} what="budget" alone={!each.carried} onEdit={() => setEditing({ budget: each })}>
              <BudgetStanding budget={each} wide />
            </Line>
          ))}
        </section>
      )}
      {limits.length > 0 && (
        <section className="column">
          <h3>Rate limits</h3>
          {limits.map((each) => (
            <Line key={each.id} what="limit" alone={!each.carried} onEdit={() => setEditing({ limit: each })}>
              <LimitStanding limit={each} />
            </Line>
          ))}
        </section>
      )}
      {editing && "budget" in editing && <BudgetForm before={editing.budget} onClose={stop} />}
      {editing && "limit" in editing && <LimitForm before={editing.limit} onClose={stop} />}
    </>
  );
}

function Line({
  what,
  alone,
  onEdit,
  children,
}: {
  what: string;
  alone: boolean;
  onEdit: () => void;
  children: ReactNode;
}) {
  const { mayChange } = useSession();
  if (!alone || !mayChange) return children;
  return (
    <div className="row">
      <div className="grow">{children}</div>
      <IconButton label={`Edit this ${what}, which stands alone`} small onClick={onEdit}>
        <Pencil size={13} />
      </IconButton>
    </div>
  );
}
