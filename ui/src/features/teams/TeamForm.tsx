import { useState } from "react";
import { api, type Team } from "../../client/api";
import { FormModal } from "../../shared/forms";
import { Field, Input } from "../../shared/kit";
import { Names } from "../../shared/Names";
import { BudgetsEditor, budgetsOf, draftsOf, limitDraftsOf, LimitsEditor, limitsOf } from "../budgets/editors";
import { useChanged } from "../holders/holders";

export function TeamForm({ before, onClose }: { before?: Team; onClose: () => void }) {
  const changed = useChanged("team");
  const [name, setName] = useState(before?.name ?? "");
  const [members, setMembers] = useState<string[]>(before?.members ?? []);
  const [models, setModels] = useState<string[]>(before?.models ?? []);
  const [tags, setTags] = useState<string[]>(before?.tags ?? []);
  const [budgets, setBudgets] = useState(draftsOf(before?.budgets ?? []));
  const [limits, setLimits] = useState(limitDraftsOf(before?.limits ?? []));
  const users = api.useQuery("get", "/api/users", { params: { query: { limit: 1000 } } });
  const known = api.useQuery("get", "/api/me").data?.models ?? [];
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/teams", { meta });
  const change = api.useMutation("patch", "/api/teams/{team_id}", { meta });
  async function submit() {
    const body = { name, members, models, tags, budgets: budgetsOf(budgets), limits: limitsOf(limits) };
    if (before)
      await change.mutateAsync({
        params: { path: { team_id: before.id }, header: { "if-match": `"${before.version}"` } },
        body,
      });
    else await make.mutateAsync({ body });
    await changed();
    onClose();
  }
  return (
    <FormModal
      title={before ? `Edit ${before.name || before.id}` : "New team"}
      does={before ? "Save" : "Make the team"}
      busy={make.isPending || change.isPending}
      error={make.error ?? change.error}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field label="Name">
        {(id) => <Input id={id} autoFocus placeholder="Search" value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
      <Field label="Members">
        {(id) => (
          <Names
            id={id}
            value={members}
            onChange={setMembers}
            suggestions={(users.data?.data ?? []).map((each) => each.id)}
            placeholder="ids of users"
          />
        )}
      </Field>
      <Field label="Models" hint="What its keys may call at most. None: every model.">
        {(id) => (
          <Names id={id} value={models} onChange={setModels} suggestions={known} placeholder="every model" />
        )}
      </Field>
      <BudgetsEditor value={budgets} onChange={setBudgets} />
      <LimitsEditor value={limits} models={known} onChange={setLimits} />
      <Field label="Tags" hint="Every call of the team carries them.">
        {(id) => <Names id={id} value={tags} onChange={setTags} />}
      </Field>
    </FormModal>
  );
}
