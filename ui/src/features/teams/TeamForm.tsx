import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type Team } from "../../client/api";
import { Button, ErrorBox, Field, Input, Modal } from "../../shared/kit";
import { Names } from "../../shared/Names";
import { BudgetsEditor, budgetsOf, draftsOf, limitDraftsOf, LimitsEditor, limitsOf } from "../budgets/editors";

export function TeamForm({ before, onClose }: { before?: Team; onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState(before?.name ?? "");
  const [members, setMembers] = useState<string[]>(before?.members ?? []);
  const [models, setModels] = useState<string[]>(before?.models ?? []);
  const [tags, setTags] = useState<string[]>(before?.tags ?? []);
  const [budgets, setBudgets] = useState(draftsOf(before?.budgets ?? []));
  const [limits, setLimits] = useState(limitDraftsOf(before?.limits ?? []));
  const users = api.useQuery("get", "/api/users", { params: { query: { limit: 1000 } } });
  const known = api.useQuery("get", "/api/me");
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/teams", { meta });
  const change = api.useMutation("patch", "/api/teams/{team_id}", { meta });
  const error = make.error ?? change.error;
  async function submit(event: FormEvent) {
    event.preventDefault();
    const body = { name, members, models, tags, budgets: budgetsOf(budgets), limits: limitsOf(limits) };
    try {
      if (before)
        await change.mutateAsync({
          params: { path: { team_id: before.id }, header: { "if-match": `"${before.version}"` } },
          body,
        });
      else await make.mutateAsync({ body });
      await queries.invalidateQueries({ queryKey: ["get", "/api/teams"] });
      await queries.invalidateQueries({ queryKey: ["get", "/api/teams/{team_id}"] });
      onClose();
    } catch {
      // Shown in the form.
    }
  }
  return (
    <Modal title={before ? `Edit ${before.name || before.id}` : "New team"} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="body column">
          {Boolean(error) && <ErrorBox error={error} />}
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
              <Names id={id} value={models} onChange={setModels} suggestions={known.data?.models ?? []} placeholder="every model" />
            )}
          </Field>
          <BudgetsEditor value={budgets} onChange={setBudgets} />
          <LimitsEditor value={limits} onChange={setLimits} />
          <Field label="Tags" hint="Every call of the team carries them.">
            {(id) => <Names id={id} value={tags} onChange={setTags} />}
          </Field>
        </div>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={make.isPending || change.isPending}>
            {before ? "Save" : "Make the team"}
          </Button>
        </footer>
      </form>
    </Modal>
  );
}
