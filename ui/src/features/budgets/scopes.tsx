import { useId } from "react";
import { api } from "../../client/api";
import { Field, Input, Select } from "../../shared/kit";

export const SCOPES = ["everything", "team", "key", "user", "tag", "model", "deployment"] as const;
export type Scope = (typeof SCOPES)[number];

export interface Whom {
  scope: Scope;
  id: string;
}

/** As the API takes it. */
export function bodyOf({ scope, id }: Whom): { scope: Scope; scope_id: string } {
  return { scope, scope_id: scope === "everything" ? "" : id.trim() };
}

/** What a budget or limit is for: a kind, and which of it. */
export function WhomFields({ value, onChange }: { value: Whom; onChange: (value: Whom) => void }) {
  const list = useId();
  const known = useKnown(value.scope);
  return (
    <div className="grid two narrow">
      <Field label="Of">
        {(id) => (
          <Select
            id={id}
            value={value.scope}
            options={SCOPES}
            onChange={(event) => onChange({ scope: event.target.value as Scope, id: "" })}
          />
        )}
      </Field>
      {value.scope !== "everything" && (
        <Field label={`Which ${value.scope}`}>
          {(id) => (
            <>
              <Input
                id={id}
                list={list}
                required
                placeholder={value.scope === "tag" ? "batch" : "Type or choose…"}
                value={value.id}
                onChange={(event) => onChange({ ...value, id: event.target.value })}
              />
              <datalist id={list}>
                {[...known].map(([each, name]) => (
                  <option key={each} value={each} label={name && name !== each ? name : undefined} />
                ))}
              </datalist>
            </>
          )}
        </Field>
      )}
    </div>
  );
}

/** The ids there are of a kind, with their names. */
function useKnown(scope: Scope): Map<string, string> {
  const query = { params: { query: { limit: 1000 } } };
  const of = (...scopes: Scope[]) => ({ enabled: scopes.includes(scope) });
  const keys = api.useQuery("get", "/api/keys", query, of("key"));
  const teams = api.useQuery("get", "/api/teams", query, of("team"));
  const users = api.useQuery("get", "/api/users", query, of("user"));
  const models = api.useQuery("get", "/api/models", query, of("model", "deployment"));
  if (scope === "model") return new Map(models.data?.data.map((each) => [each.model_name, ""]));
  if (scope === "deployment") return new Map(models.data?.data.map((each) => [each.id, each.model_name]));
  const found = scope === "key" ? keys : scope === "team" ? teams : scope === "user" ? users : null;
  return new Map(found?.data?.data.map((each) => [each.id, each.name]));
}
