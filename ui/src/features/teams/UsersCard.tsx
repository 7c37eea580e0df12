import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useSession } from "../../app/session";
import { api } from "../../client/api";
import { Money } from "../../shared/figures";
import { Button, ErrorBox, Field, Input, Modal, Tag } from "../../shared/kit";
import { BudgetsEditor, type BudgetDraft, budgetsOf } from "../budgets/editors";
import { windowName } from "../budgets/Standing";

/** People, and programs, that own keys. */
export function UsersCard({ adding, onAdding }: { adding: boolean; onAdding: (open: boolean) => void }) {
  const { mayChange } = useSession();
  const users = api.useQuery("get", "/api/users", { params: { query: { limit: 1000 } } });
  const rows = users.data?.data ?? [];
  return (
    <section className="card">
      <header>
        <h2 className="grow">Users</h2>
        {mayChange && (
          <Button small onClick={() => onAdding(true)}>
            <Plus size={13} aria-hidden /> New user
          </Button>
        )}
      </header>
      {users.error && <ErrorBox error={users.error} />}
      {rows.length === 0 ? (
        <p className="empty">Nobody yet. A user owns keys; budgets of a user count all of them.</p>
      ) : (
        <div className="table-wrap">
          <table className="table">
            <thead>
              <tr>
                <th>User</th>
                <th>Id</th>
                <th>Budgets</th>
                <th>State</th>
                <th className="end">Keys</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((each) => (
                <tr key={each.id}>
                  <td>
                    <Link to="/usage" search={{ user: [each.id] }} className="quiet-link">
                      <b>{each.name || each.id}</b>
                    </Link>
                  </td>
                  <td className="mono dim">{each.id}</td>
                  <td>
                    {each.budgets.map((budget) => (
                      <span key={budget.id} className="number">
                        <Money value={budget.limit} /> <span className="dim">{windowName(budget.window)} </span>
                      </span>
                    ))}
                  </td>
                  <td>
                    <Tag tone={each.blocked ? "bad" : "good"}>{each.blocked ? "blocked" : "active"}</Tag>
                  </td>
                  <td className="end">
                    <Link to="/keys" search={{ user: each.id }} className="link">
                      Keys
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {adding && <UserForm onClose={() => onAdding(false)} />}
    </section>
  );
}

function UserForm({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [budgets, setBudgets] = useState<BudgetDraft[]>([]);
  const make = api.useMutation("post", "/api/users", { meta: { quiet: true } });
  async function submit(event: FormEvent) {
    event.preventDefault();
    try {
      await make.mutateAsync({ body: { id: id.trim() || null, name, budgets: budgetsOf(budgets) } });
      await queries.invalidateQueries({ queryKey: ["get", "/api/users"] });
      onClose();
    } catch {
      // Shown in the form.
    }
  }
  return (
    <Modal title="New user" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="body column">
          {Boolean(make.error) && <ErrorBox error={make.error} />}
          <Field label="Name">
            {(field) => <Input id={field} autoFocus value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
          <Field label="Id" hint="Made from the name when left empty.">
            {(field) => <Input id={field} value={id} onChange={(event) => setId(event.target.value)} />}
          </Field>
          <BudgetsEditor value={budgets} onChange={setBudgets} />
        </div>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={make.isPending}>
            Make the user
          </Button>
        </footer>
      </form>
    </Modal>
  );
}
