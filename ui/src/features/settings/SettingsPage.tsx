import { useQueryClient } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api, gateway } from "../../client/api";
import { Bones, Button, Dot, ErrorBox, Field, Input, Note, Select } from "../../shared/kit";
import { bytes, count, duration } from "../../shared/numbers";
import { choose, useChosen } from "../../shared/settings";
import { full, fromNow } from "../../shared/time";
import { notify } from "../../shared/toasts";
import "./settings.css";

export function SettingsPage() {
  const queries = useQueryClient();
  const { mayChange } = useSession();
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
            <RotateCw size={13} aria-hidden /> Read the configuration again
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
                    <span className="dim">({duration(status.data.ledger.lag_seconds)} behind)</span>
                  </dd>
                  <dt>Journal</dt>
                  <dd>{bytes(status.data.ledger.journal_bytes)}</dd>
                  <dt>Counters</dt>
                  <dd className="row">
                    <Dot tone={status.data.counters_up ? "good" : "bad"} /> {status.data.counters}
                  </dd>
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
            <section className="grid two">
              <Section title="General" value={settings.data.general} more={{ max_budget: settings.data.max_budget }} />
              <div className="column">
                <Section title="Routing" value={settings.data.routing} />
                {settings.data.redis && <Section title="Redis" value={settings.data.redis} />}
                <div className="card">
                  <header>
                    <h2>Files</h2>
                  </header>
                  <div className="body column">
                    {settings.data.files.map((each) => (
                      <span key={each} className="mono">
                        {each}
                      </span>
                    ))}
                    <span className="dim">
                      {count(settings.data.models)} models, {count(settings.data.deployments)} deployments. Secrets are
                      shown as …
                    </span>
                  </div>
                </div>
              </div>
            </section>
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
          hint={`Times are shown in ${zone === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone}. Sums are by days of UTC.`}
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
          <a className="link" href={`${gateway}/health`} target="_blank" rel="noreferrer">
            Health of the deployments
          </a>
          <a className="link" href={`${gateway}/api/openapi.json`} target="_blank" rel="noreferrer">
            OpenAPI
          </a>
        </div>
      </div>
    </div>
  );
}

function Section({
  title,
  value,
  more = {},
}: {
  title: string;
  value: Record<string, unknown>;
  more?: Record<string, unknown>;
}) {
  const entries = [...flat(value), ...flat(more)].sort(([a], [b]) => a.localeCompare(b));
  return (
    <div className="card">
      <header>
        <h2>{title}</h2>
      </header>
      <div className="body">
        <dl className="facts settings">
          {entries.map(([name, each]) => [
            <dt key={name} className="mono">
              {name}
            </dt>,
            <dd key={`${name} value`} className={each === null ? "dim mono" : "mono"}>
              {shown(each)}
            </dd>,
          ])}
        </dl>
      </div>
    </div>
  );
}

/** Settings by their dotted names. */
function flat(value: Record<string, unknown>, before = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([name, each]) =>
    each !== null && typeof each === "object" && !Array.isArray(each) && Object.keys(each).length
      ? flat(each as Record<string, unknown>, `${before}${name}.`)
      : [[`${before}${name}`, each] as [string, unknown]],
  );
}

function shown(value: unknown): string {
  if (value === null) return "–";
  if (typeof value === "string") return value || "–";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, " ");
  return text === "{}" || text === "[]" || text === "[ ]" ? "–" : text;
}
