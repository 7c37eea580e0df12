import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useDeferredValue, useState } from "react";
import { api, client, type Deployment, problemOf, type TestResult } from "../../client/api";
import { Button, Check, ErrorBox, Field, Input, Modal, Note, Segments, Select } from "../../shared/kit";
import { notify } from "../../shared/toasts";
import { ADVANCED, bodyOf, draftOf, EMPTY, isRouter, type ModelDraft, modelString, PROVIDERS } from "./draft";
import { TestPanel } from "./TestPanel";

/** Adds a deployment, or changes one of the database. */
export function ModelForm({ before, onClose }: { before?: Deployment; onClose: () => void }) {
  const queries = useQueryClient();
  const stored = before?.stored;
  const [draft, setDraft] = useState<ModelDraft>(() =>
    before && stored
      ? draftOf(stored, before.provider, before.upstream_model, before.credential === "token" ? "none" : before.credential)
      : EMPTY,
  );
  const [tested, setTested] = useState<TestResult | null>(null);
  const body = { ...bodyOf(draft, Boolean(before)), ...(before ? { id: before.id } : {}) };
  const shown = usePreview(useDeferredValue(JSON.stringify(body)), Boolean(draft.name.trim()));
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/models", { meta });
  const amend = api.useMutation("patch", "/api/models/{deployment_id}", { meta });
  const test = api.useMutation("post", "/api/models/test", { meta });
  const set = (change: Partial<ModelDraft>) => {
    // What was said, or is still to be said, was of the draft before.
    for (const each of [make, amend, test]) each.reset();
    setTested(null);
    setDraft((now) => ({ ...now, ...change }));
  };
  const error = make.error ?? amend.error ?? test.error;
  const azure = draft.provider.startsWith("azure");
  const wrong = (field: string) =>
    shown?.problems.find((each) => each.field === `params.${field}` && each.level === "error" && !/is missing/.test(each.message))
      ?.message ?? (problemParam(error) === `params.${field}` ? problemOf(error).message : undefined);

  async function submit(event: FormEvent) {
    event.preventDefault();
    try {
      const sent = bodyOf(draft, Boolean(before));
      const done =
        before && stored
          ? await amend.mutateAsync({
              params: { path: { deployment_id: before.id }, header: { "if-match": `"${stored.version}"` } },
              body: sent,
            })
          : await make.mutateAsync({ body: sent });
      notify(`${done.model_name} ${before ? "is changed" : "is there"}: it serves from now on`);
      await queries.invalidateQueries();
      onClose();
    } catch {
      // Shown in the form.
    }
  }

  return (
    <Modal title={before ? `Edit ${before.model_name}` : "Add a model"} wide onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="body column">
          {Boolean(error) && <ErrorBox error={error} />}
          <div className="grid two narrow">
            <Field label="Provider">
              {(id) => (
                <Select id={id} value={draft.provider} options={PROVIDERS} onChange={(event) => set({ provider: event.target.value })} />
              )}
            </Field>
            <Field label={azure ? "Deployment name" : "Model"} wrong={wrong("model")}>
              {(id) => (
                <Input
                  id={id}
                  required
                  autoFocus
                  placeholder={azure ? "my-model-router" : "gpt-5-mini"}
                  value={draft.name}
                  onChange={(event) => set({ name: event.target.value })}
                />
              )}
            </Field>
          </div>
          {draft.name.trim() && (
            <div className="row wrap model-string">
              <code data-testid="model-string">{shown?.model || modelString(draft)}</code>
              <span className="grow" />
              {azure && (
                <Check
                  label="It is a model router"
                  checked={isRouter(draft)}
                  onChange={(event) => set({ route: event.target.checked ? "model_router" : "direct" })}
                />
              )}
            </div>
          )}
          <Field
            label={azure ? "Endpoint" : "API base"}
            wrong={wrong("api_base")}
            hint={
              shown?.url ? (
                <>
                  Will call <code data-testid="url">{shown.url}</code>
                </>
              ) : azure ? (
                "Paste it as the portal shows it: resource, project or the whole target URI."
              ) : (
                "Empty: the provider's own."
              )
            }
          >
            {(id) => (
              <Input
                id={id}
                placeholder={azure ? "https://my-resource.services.ai.azure.com" : "https://api.example.com/v1"}
                value={draft.apiBase}
                onChange={(event) => set({ apiBase: event.target.value })}
              />
            )}
          </Field>
          {shown?.deployment_in_url && shown.deployment_in_url !== draft.name.trim() && (
            <Note>
              The address names the deployment <b>{shown.deployment_in_url}</b>.{" "}
              <Button small onClick={() => set({ name: shown.deployment_in_url })}>
                Take that name
              </Button>
            </Note>
          )}
          <Credentials draft={draft} set={set} azure={azure} kept={before?.stored?.secrets ?? []} wrong={wrong} variables={shown?.key_variables ?? []} />
          <div className="grid two narrow">
            <Field label="Clients call it" hint="Several deployments may share a name: calls are spread over them.">
              {(id) => (
                <Input
                  id={id}
                  placeholder={draft.name || "the same name"}
                  value={draft.modelName}
                  onChange={(event) => set({ modelName: event.target.value })}
                />
              )}
            </Field>
            {azure && (
              <Field label="Scope" hint="Which prices apply.">
                {(id) => (
                  <Select
                    id={id}
                    value={draft.scope}
                    options={[
                      ...new Map(
                        [
                          { value: "global", label: "Global" },
                          { value: "data_zone_us", label: "Data Zone, US" },
                          { value: "data_zone_eu", label: "Data Zone, EU" },
                          { value: "data_zone_apac", label: "Data Zone, APAC" },
                          { value: draft.scope, label: draft.scope },
                        ].map((each) => [each.value, each] as const).reverse(),
                      ).values(),
                    ].reverse()}
                    onChange={(event) => set({ scope: event.target.value })}
                  />
                )}
              </Field>
            )}
          </div>
          <details open={Boolean(before && Object.keys(draft.more).length)}>
            <summary className="soft">Advanced</summary>
            <div className="grid three more-fields">
              <Field label="It is for">
                {(id) => (
                  <Select
                    id={id}
                    value={draft.mode}
                    options={[
                      { value: "", label: "chat" },
                      { value: "embedding", label: "embeddings" },
                    ]}
                    onChange={(event) => set({ mode: event.target.value as ModelDraft["mode"] })}
                  />
                )}
              </Field>
              {ADVANCED.map(({ name, label, hint }) => (
                <Field key={name} label={label} hint={hint} wrong={wrong(name)}>
                  {(id) => (
                    <Input
                      id={id}
                      value={draft.more[name] ?? ""}
                      onChange={(event) => set({ more: { ...draft.more, [name]: event.target.value } })}
                    />
                  )}
                </Field>
              ))}
            </div>
          </details>
          {shown?.problems
            .filter((each) => each.level === "warning")
            .map((each) => (
              <Note key={each.message} tone="warn">
                {each.message}
              </Note>
            ))}
          {tested && <TestPanel result={tested} />}
        </div>
        <footer>
          <Button
            busy={test.isPending}
            disabled={!draft.name.trim()}
            onClick={() => test.mutate({ body: { draft: body } }, { onSuccess: setTested })}
            title="One small real call; it is billed like any other"
          >
            Test connection
          </Button>
          <span className="grow" />
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={make.isPending || amend.isPending} disabled={!draft.name.trim()}>
            {before ? "Save" : "Add"}
          </Button>
        </footer>
      </form>
    </Modal>
  );
}

function problemParam(error: unknown): string | null {
  return error ? problemOf(error).param : null;
}

/** What the draft means, asked a moment after typing; nothing is called or stored for it. */
function usePreview(body: string, enabled: boolean) {
  return useQuery({
    queryKey: ["preview", body],
    queryFn: async ({ signal }) => {
      const { data, error } = await client.POST("/api/models/preview", {
        body: JSON.parse(body) as Record<string, never>,
        signal,
      });
      if (error) throw error;
      return data;
    },
    enabled,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 0, // it may hold a key
  }).data;
}

function Credentials({
  draft,
  set,
  azure,
  kept,
  wrong,
  variables,
}: {
  draft: ModelDraft;
  set: (change: Partial<ModelDraft>) => void;
  azure: boolean;
  kept: readonly string[];
  wrong: (field: string) => string | undefined;
  variables: readonly string[];
}) {
  return (
    <div className="field">
      <span className="label">It authenticates with</span>
      <Segments
        label="It authenticates with"
        value={draft.signs}
        options={[
          { value: "key", label: "A key" },
          ...(azure ? ([{ value: "entra", label: "Entra ID" }] as const) : []),
          { value: "none", label: variables.length ? "The server's environment" : "Nothing" },
        ]}
        onChange={(signs) => set({ signs })}
      />
      {draft.signs === "key" && (
        <Field label="Key" wrong={wrong("api_key")} hint="Kept encrypted, and never shown again.">
          {(id) => (
            <Input
              id={id}
              type="password"
              autoComplete="new-password"
              placeholder={kept.includes("api_key") ? "the one that is stored" : ""}
              value={draft.apiKey}
              onChange={(event) => set({ apiKey: event.target.value })}
            />
          )}
        </Field>
      )}
      {draft.signs === "entra" && (
        <div className="grid two narrow">
          <Field label="How" wrong={wrong("azure_credential")}>
            {(id) => (
              <Select
                id={id}
                value={draft.credential}
                options={[
                  { value: "default", label: "as the environment says" },
                  { value: "managed_identity", label: "managed identity" },
                  { value: "workload_identity", label: "workload identity" },
                  { value: "client_secret", label: "an application's secret" },
                ]}
                onChange={(event) => set({ credential: event.target.value as ModelDraft["credential"] })}
              />
            )}
          </Field>
          {draft.credential !== "default" && (
            <Field label="Client id" wrong={wrong("client_id")}>
              {(id) => <Input id={id} value={draft.clientId} onChange={(event) => set({ clientId: event.target.value })} />}
            </Field>
          )}
          {["workload_identity", "client_secret"].includes(draft.credential) && (
            <Field label="Tenant id" wrong={wrong("tenant_id")}>
              {(id) => <Input id={id} value={draft.tenantId} onChange={(event) => set({ tenantId: event.target.value })} />}
            </Field>
          )}
          {draft.credential === "client_secret" && (
            <Field label="Client secret" wrong={wrong("client_secret")}>
              {(id) => (
                <Input
                  id={id}
                  type="password"
                  autoComplete="new-password"
                  placeholder={kept.includes("client_secret") ? "the one that is stored" : ""}
                  value={draft.clientSecret}
                  onChange={(event) => set({ clientSecret: event.target.value })}
                />
              )}
            </Field>
          )}
        </div>
      )}
      {draft.signs === "none" && variables.length > 0 && (
        <span className="hint">
          Of a deployment in the database this works only where the provider needs no key; other tools read{" "}
          {variables.join(" or ")}.
        </span>
      )}
    </div>
  );
}
