import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api, gateway } from "../../client/api";
import { Bones, Button, Dot, ErrorBox, Field, Input, Note, Select } from "../../shared/kit";
import { bytes, count, duration } from "../../shared/numbers";
import { choose, useChosen } from "../../shared/settings";
import { full, fromNow, ledgerZone } from "../../shared/time";
import { notify } from "../../shared/toasts";
import { Configuration } from "./Configuration";
import "./settings.css";

const route = getRouteApi("/settings");

export function SettingsPage() {
  const queries = useQueryClient();
  const { mayChange } = useSession();
  const { q = "", changed } = route.useSearch();
  const navigate = route.useNavigate();
  const set = (change: { q?: string | undefined; changed?: string | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const status = api.useQuery("get", "/api/status", {}, { refetchInterval: 3000 });
  const settings = api.useQuery("get", "/api/settings");
  const reload = api.useMutation("post", "/api/settings/reload", {
    onSuccess: async (found) => {
      notify(found.message);
      await queries.invalidateQueries();
    },
  });
  return (
    <>
      <Top title="Settings">
        {mayChange && (
          <Button small busy={reload.isPending} onClick={() => reload.mutate({})}>
            <RotateCw size={13} aria-hidden /> Reload the configuration
          </Button>
        )}
        <Refresh
          busy={settings.isFetching}
          onClick={() => {
            void settings.refetch();
            void status.refetch();
          }}
        />
      </Top>
      <main className="content">
        {status.error && <ErrorBox error={status.error} retry={() => void status.refetch()} />}
        {status.data?.problems.map((each) => (
          <Note key={each} tone="warn">
            {each}
          </Note>
        ))}
        <section className="grid two">
          <div className="card">
            <header>
              <h2>Health</h2>
            </header>
            <div className="body">
              {!status.data ? (
                <Bones rows={6} />
              ) : (
                <dl className="facts">
                  <dt>Gateway</dt>
                  <dd className="row">
                    <Dot tone={status.data.status === "healthy" ? "good" : "bad"} /> {status.data.status}
                  </dd>
                  <dt>Version</dt>
                  <dd>{status.data.version}</dd>
                  <dt>Running since</dt>
                  <dd title={full(status.data.started_at)}>
                    {full(status.data.started_at)} <span className="dim">({fromNow(status.data.started_at)})</span>
                  </dd>
                  <dt>Workers</dt>
                  <dd>{count(status.data.workers)}</dd>
                  <dt>Database</dt>
                  <dd className="row">
                    <Dot tone={status.data.ledger.database === "up" ? "good" : status.data.ledger.database === "off" ? "warn" : "bad"} />
                    {status.data.ledger.database}
                  </dd>
                  <dt>Rows on their way</dt>
                  <dd>
                    {count(status.data.ledger.pending_rows)}{" "}
                    {status.data.ledger.lag_seconds > 0 && (
                      <span className="dim">({duration(status.data.ledger.lag_seconds)} behind)</span>
                    )}
                  </dd>
                  <dt>Journal</dt>
                  <dd>{bytes(status.data.ledger.journal_bytes)}</dd>
                  <dt>Counters</dt>
                  <dd className="row">
                    <Dot tone={status.data.counters_up ? "good" : "bad"} /> {status.data.counters}
                  </dd>
                  <dt>Changes in force</dt>
                  <dd>
                    <Link to="/audit" className="link">
                      up to {count(status.data.applied)}
                    </Link>
                  </dd>
                  {settings.data && (
                    <>
                      <dt>Configuration</dt>
                      <dd>
                        {settings.data.files.map((each) => (
                          <div key={each} className="mono">
                            {each}
                          </div>
                        ))}
                        <Link to="/models" className="link">
                          {count(settings.data.models)} {settings.data.models === 1 ? "model" : "models"}, {count(settings.data.deployments)}{" "}
                          {settings.data.deployments === 1 ? "deployment" : "deployments"}
                        </Link>
                      </dd>
                    </>
                  )}
                </dl>
              )}
            </div>
          </div>
          <Yours />
        </section>
        {settings.error && <ErrorBox error={settings.error} retry={() => void settings.refetch()} />}
        {settings.data && (
          <>
            {settings.data.warnings.map((each) => (
              <Note key={`${each.file} ${each.line} ${each.key}`} tone="warn">
                {each.file}, line {each.line}, <span className="mono">{each.key}</span>: {each.message}
              </Note>
            ))}
            <Configuration
              sections={[
                {
                  title: "general_settings",
                  value: { ...settings.data.general, max_budget: settings.data.max_budget },
                  usual: settings.data.defaults.general,
                },
                { title: "router_settings", value: settings.data.routing, usual: settings.data.defaults.routing },
                ...(settings.data.redis
                  ? [{ title: "redis", value: settings.data.redis, usual: settings.data.defaults.redis }]
                  : []),
              ]}
              q={q}
              changed={changed === "1"}
              onFind={(text) => set({ q: text || undefined })}
              onChanged={(only) => set({ changed: only ? "1" : undefined })}
            />
          </>
        )}
      </main>
    </>
  );
}

function Yours() {
  const theme = useChosen("theme");
  const zone = useChosen("zone");
  const zones = Intl.supportedValuesOf("timeZone");
  return (
    <div className="card">
      <header>
        <h2>Yours, in this browser</h2>
      </header>
      <div className="body column">
        <Field label="Theme">
          {(id) => (
            <Select
              id={id}
              value={theme}
              options={[
                { value: "system", label: "as the system" },
                { value: "light", label: "light" },
                { value: "dark", label: "dark" },
              ]}
              onChange={(event) => choose("theme", event.target.value as typeof theme)}
            />
          )}
        </Field>
        <Field
          label="Time zone"
          hint={`Times are shown in ${zone === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone}. Sums are by days in ${ledgerZone()}, for everybody.`}
        >
          {(id) => (
            <>
              <Input
                id={id}
                list="zones"
                defaultValue={zone === "local" ? "" : zone}
                placeholder="the browser's own"
                onChange={(event) => {
                  const value = event.target.value.trim();
                  if (!value) choose("zone", "local");
                  else if (value === "UTC" || zones.includes(value)) choose("zone", value);
                }}
              />
              <datalist id="zones">
                <option value="UTC" />
                {zones.map((each) => (
                  <option key={each} value={each} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <div className="row wrap">
          <a className="link" href={`${gateway}/metrics`} target="_blank" rel="noreferrer">
            Metrics
          </a>
          <a className="link" href={`${gateway}/health/readiness`} target="_blank" rel="noreferrer">
            Readiness
          </a>
          <a className="link" href={`${gateway}/api/openapi.json`} target="_blank" rel="noreferrer">
            OpenAPI
          </a>
        </div>
      </div>
    </div>
  );
}
