import { useState } from "react";
import { api, type Key, type KeyIssued, problemOf } from "../../client/api";
import { FormModal } from "../../shared/forms";
import { Field, Input, Select } from "../../shared/kit";
import { Names } from "../../shared/Names";
import { BudgetsEditor, budgetsOf, draftsOf, limitDraftsOf, LimitsEditor, limitsOf } from "../budgets/editors";
import { useChanged } from "../holders/holders";

const EXPIRES = [
  { value: "", label: "never" },
  { value: "1d", label: "in a day" },
  { value: "7d", label: "in 7 days" },
  { value: "30d", label: "in 30 days" },
  { value: "90d", label: "in 90 days" },
  { value: "365d", label: "in a year" },
];

/** Makes a key, or changes one. */
export function KeyForm({
  before,
  whose,
  onClose,
  onIssued,
}: {
  before?: Key;
  /** What a new one belongs to, until something else is chosen. */
  whose?: { team?: string | undefined; user?: string | undefined };
  onClose: () => void;
  onIssued: (issued: KeyIssued) => void;
}) {
  const changed = useChanged("key");
  const [name, setName] = useState(before?.name ?? "");
  const [team, setTeam] = useState(before?.team ?? whose?.team ?? "");
  const [user, setUser] = useState(before?.user ?? whose?.user ?? "");
  const [role, setRole] = useState(before?.role ?? "none");
  const [models, setModels] = useState<string[]>(before?.models ?? []);
  const [tags, setTags] = useState<string[]>(before?.tags ?? []);
  const [expires, setExpires] = useState(before?.expires_at ? "keep" : "");
  const [budgets, setBudgets] = useState(draftsOf(before?.budgets ?? []));
  const [limits, setLimits] = useState(limitDraftsOf(before?.limits ?? []));
  const teams = api.useQuery("get", "/api/teams", { params: { query: { limit: 1000 } } });
  const users = api.useQuery("get", "/api/users", { params: { query: { limit: 1000 } } });
  const known = api.useQuery("get", "/api/me").data?.models ?? [];
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/keys", { meta });
  const change = api.useMutation("patch", "/api/keys/{key_id}", { meta });
  const error = make.error ?? change.error;

  async function submit() {
    const body = {
      name,
      role,
      team: team || null,
      user: user || null,
      models,
      tags,
      budgets: budgetsOf(budgets),
      limits: limitsOf(limits),
      ...(expires === "keep" ? {} : { expires: expires || null }),
    };
    if (before) {
      await change.mutateAsync({
        params: { path: { key_id: before.id }, header: { "if-match": `"${before.version}"` } },
        body,
      });
      onClose();
    } else onIssued(await make.mutateAsync({ body }));
    await changed();
  }

  const wrong = (param: string) => {
    const found = error ? problemOf(error) : null;
    return found?.param === param ? found.message : undefined;
  };
  return (
    <FormModal
      title={before ? `Edit ${before.name || before.id}` : "New key"}
      does={before ? "Save" : "Make the key"}
      busy={make.isPending || change.isPending}
      error={error}
      onSubmit={submit}
      onClose={onClose}
    >
      <Field label="Name" wrong={wrong("name")}>
        {(id) => (
          <Input id={id} autoFocus placeholder="search-prod" value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <div className="grid two narrow">
        <Field label="Team" wrong={wrong("team")}>
          {(id) => (
            <Select
              id={id}
              value={team}
              options={[{ value: "", label: "no team" }, ...choices(teams.data?.data, team)]}
              onChange={(event) => setTeam(event.target.value)}
            />
          )}
        </Field>
        <Field label="Owner" wrong={wrong("user")}>
          {(id) => (
            <Select
              id={id}
              value={user}
              options={[{ value: "", label: "nobody" }, ...choices(users.data?.data, user)]}
              onChange={(event) => setUser(event.target.value)}
            />
          )}
        </Field>
      </div>
      <Field label="Models" hint="None: every model. * stands for any characters." wrong={wrong("models")}>
        {(id) => (
          <Names id={id} value={models} onChange={setModels} suggestions={known} placeholder="every model" />
        )}
      </Field>
      <BudgetsEditor value={budgets} onChange={setBudgets} />
      <LimitsEditor value={limits} models={known} onChange={setLimits} />
      <div className="grid two narrow">
        <Field label="Expires" wrong={wrong("expires")}>
          {(id) => (
            <Select
              id={id}
              value={expires}
              options={before?.expires_at ? [{ value: "keep", label: "as it is" }, ...EXPIRES] : EXPIRES}
              onChange={(event) => setExpires(event.target.value)}
            />
          )}
        </Field>
        <Field label="Here it may" wrong={wrong("role")}>
          {(id) => (
            <Select
              id={id}
              value={role}
              options={[
                { value: "none", label: "see its own calls" },
                { value: "viewer", label: "see everything" },
                { value: "admin", label: "change everything" },
              ]}
              onChange={(event) => setRole(event.target.value as typeof role)}
            />
          )}
        </Field>
      </div>
      <Field label="Tags" hint="Every call of the key carries them." wrong={wrong("tags")}>
        {(id) => <Names id={id} value={tags} onChange={setTags} placeholder="prod" />}
      </Field>
    </FormModal>
  );
}

/** Teams or users to choose from; the chosen one is there, even among too many or before they are known. */
function choices(known: readonly { id: string; name: string }[] = [], chosen: string) {
  const found = known.map((each) => ({ value: each.id, label: each.name || each.id }));
  return !chosen || known.some((each) => each.id === chosen) ? found : [{ value: chosen, label: chosen }, ...found];
}
