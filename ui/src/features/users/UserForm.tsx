import { useState } from "react";
import { api, problemOf, type User } from "../../client/api";
import { FormModal } from "../../shared/forms";
import { Field, Input } from "../../shared/kit";
import { Names } from "../../shared/Names";
import { BudgetsEditor, budgetsOf, draftsOf, limitDraftsOf, LimitsEditor, limitsOf } from "../budgets/editors";
import { useChanged } from "../holders/holders";

/** Makes a user, or changes one. */
export function UserForm({ before, onClose }: { before?: User; onClose: () => void }) {
  const changed = useChanged("user");
  const [name, setName] = useState(before?.name ?? "");
  const [email, setEmail] = useState(before?.email ?? "");
  const [id, setId] = useState("");
  const [models, setModels] = useState<string[]>(before?.models ?? []);
  const [budgets, setBudgets] = useState(draftsOf(before?.budgets ?? []));
  const [limits, setLimits] = useState(limitDraftsOf(before?.limits ?? []));
  const known = api.useQuery("get", "/api/me").data?.models ?? [];
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/users", { meta });
  const change = api.useMutation("patch", "/api/users/{user_id}", { meta });
  const error = make.error ?? change.error;
  async function submit() {
    const body = { name, email, models, budgets: budgetsOf(budgets), limits: limitsOf(limits) };
    if (before)
      await change.mutateAsync({
        params: { path: { user_id: before.id }, header: { "if-match": `"${before.version}"` } },
        body,
      });
    else await make.mutateAsync({ body: { ...body, id: id.trim() || null } });
    await changed();
    onClose();
  }
  const wrong = (param: string) => {
    const found = error ? problemOf(error) : null;
    return found?.param === param ? found.message : undefined;
  };
  return (
    <FormModal
      title={before ? `Edit ${before.name || before.id}` : "New user"}
      does={before ? "Save" : "Make the user"}
      busy={make.isPending || change.isPending}
      error={error}
      onSubmit={submit}
      onClose={onClose}
    >
      <div className="grid two narrow">
        <Field label="Name" wrong={wrong("name")}>
          {(field) => (
            <Input id={field} autoFocus placeholder="Ada Lovelace" value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <Field label="E-mail" wrong={wrong("email")}>
          {(field) => (
            <Input
              id={field}
              inputMode="email"
              placeholder="ada@example.com"
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          )}
        </Field>
      </div>
      {!before && (
        <Field label="Id" hint="Stays for ever. Made from the name when left empty." wrong={wrong("id")}>
          {(field) => <Input id={field} value={id} onChange={(event) => setId(event.target.value)} />}
        </Field>
      )}
      <Field label="Models" hint="What their keys may call at most. None: every model." wrong={wrong("models")}>
        {(field) => <Names id={field} value={models} onChange={setModels} suggestions={known} placeholder="every model" />}
      </Field>
      <BudgetsEditor value={budgets} onChange={setBudgets} />
      <LimitsEditor value={limits} models={known} onChange={setLimits} />
      <p className="dim">What they may see and change here is said by each of their keys.</p>
    </FormModal>
  );
}
