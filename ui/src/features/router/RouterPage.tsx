import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Split } from "lucide-react";
import { useState } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { type RouterUse, type SpendGroup } from "../../client/api";
import { colours } from "../../shared/charts";
import { Money } from "../../shared/figures";
import { Bones, Empty, ErrorBox, Field, Note, Segments, Tag } from "../../shared/kit";
import { Names } from "../../shared/Names";
import { Sankey } from "../../shared/Sankey";
import { exact, parts, size } from "../../shared/money";
import { calls, count, percent } from "../../shared/numbers";
import { useSecondStep } from "../../shared/steps";
import { daysOf, ledgerDay } from "../../shared/time";
import { SpendChart } from "../usage/SpendChart";
import { askRouter } from "./ask";
import { LatencyCard } from "./Latency";
import { WorthIt } from "./WorthIt";
import "./router.css";

const route = getRouteApi("/router");

export function RouterPage() {
  const search = route.useSearch();
  const { baseline } = search;
  const days = String(daysOf(search.days, 30));
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const since = ledgerDay(Number(days) - 1);
  const { data, error, isFetching, refetch } = useQuery({
    ...askRouter(search),
    placeholderData: (before) => before,
  });
  return (
    <>
      <Top title="Router">
        <Segments
          label="Range"
          value={days}
          options={[
            { value: "1", label: "Today" },
            { value: "7", label: "7 days" },
            { value: "30", label: "30 days" },
            { value: "90", label: "90 days" },
          ]}
          onChange={(value) => void navigate({ search: (before) => ({ ...before, days: value }), replace: true })}
        />
        <Refresh busy={isFetching} onClick={() => void refetch()} />
      </Top>
      <main className="content">
        {error && <ErrorBox error={error} retry={() => void refetch()} />}
        {!data && !error && <Bones rows={12} />}
        {data?.data.length === 0 && (
          <div className="card">
            <Empty icon={<Split size={26} aria-hidden />} title="No router deployment">
              <p>
                A deployment whose model is <code>azure_ai/model_router/…</code> appears here: what it chose, what its fee
                was, and what one fixed model would have cost instead.
              </p>
              {mayChange && (
                <Link to="/models" search={{ add: "1" }} className="button primary">
                  Add a model router
                </Link>
              )}
            </Empty>
          </div>
        )}
        {data?.data.map((each) => (
          <Use
            key={each.deployment}
            use={each}
            since={since}
            baseline={baseline ?? []}
            onBaseline={(names) =>
              void navigate({
                search: (before) => ({ ...before, baseline: names.length ? names : undefined }),
                replace: true,
              })
            }
          />
        ))}
      </main>
    </>
  );
}

function Use({
  use,
  since,
  baseline,
  onBaseline,
}: {
  use: RouterUse;
  since: string;
  baseline: string[];
  onBaseline: (names: string[]) => void;
}) {
  const navigate = useNavigate();
  const [measure, setMeasure] = useState<"spend" | "calls">("calls");
  const second = useSecondStep();
  const names = [...new Set(use.flows.map((each) => each.group["served_model"] ?? ""))];
  const shades = colours(names);
  const toCalls = { deployment: [use.deployment], since };
  const flows = use.flows.map((each) => ({
    from: each.group["model"] ?? "",
    to: each.group["served_model"] ?? "",
    value: measure === "spend" ? size(each.spend) : each.calls,
  }));
  return (
    <>
      <section className="card">
        <header>
          <h2 className="grow cut">
            {use.model} <span className="dim mono">{use.deployment}</span>
          </h2>
          <Link to="/logs" search={toCalls} className="link">
            Calls
          </Link>
        </header>
        <div className="router-figures">
          <Figure title="Calls">
            <Link to="/logs" search={toCalls}>
              {count(use.total.calls)}
            </Link>
          </Figure>
          <Figure title="Spend">
            <Link to="/usage" search={toCalls}>
              <Money value={use.total.spend} minimum={use.total.minimum} />
            </Link>
          </Figure>
          <Figure title="Routing fee">
            <Link to="/usage" search={toCalls}>
              <Money value={use.total.router_fee} />
            </Link>
          </Figure>
          <Figure title="Fee's share">{percent(use.fee_share)}</Figure>
          <Figure title="Per 1,000 calls">
            {use.total.calls ? <Money value={use.per_1000_calls} minimum={use.total.minimum} /> : <span className="dim">–</span>}
          </Figure>
        </div>
        <WorthIt use={use} />
      </section>
      {second && use.total.calls > 0 && (
        <>
          <section className="grid two">
            <div className="card">
              <header>
                <h2 className="grow">From requested to served</h2>
                <Segments
                  label="Measure"
                  value={measure}
                  options={[
                    { value: "calls", label: "Calls" },
                    { value: "spend", label: "Spend" },
                  ]}
                  onChange={setMeasure}
                />
              </header>
              <div className="body">
                <Sankey
                  label={`From requested to served model, ${use.deployment}`}
                  flows={flows}
                  colour={(name) => shades.get(name) ?? "var(--c8)"}
                  about={(name) => {
                    const group = use.flows.filter((each) => each.group["served_model"] === name);
                    const only = group.length === 1 ? group[0] : undefined;
                    const sum = group.reduce((total, each) => total + each.calls, 0);
                    if (!only) return calls(sum);
                    const { sign, head } = parts(only.spend);
                    return `${calls(sum)} · ${only.minimum ? "≥ " : ""}${sign}$${head}`;
                  }}
                  show={(flow) => {
                    const group = use.flows.find(
                      (each) => each.group["model"] === flow.from && each.group["served_model"] === flow.to,
                    );
                    return (
                      group && (
                        <>
                          <div>
                            {flow.from} → <b>{flow.to || "none answered"}</b>
                          </div>
                          <div className="line">
                            <span className="dim">{calls(group.calls)}</span>
                            <Money value={group.spend} minimum={group.minimum} />
                          </div>
                        </>
                      )
                    );
                  }}
                  onPick={(flow) => void navigate({ to: "/logs", search: { ...toCalls, served_model: [flow.to] } })}
                />
              </div>
            </div>
            <Baselines use={use} baseline={baseline} onBaseline={onBaseline} />
          </section>
          <section className="card">
            <header>
              <h2 className="grow">Share over time</h2>
              <span className="dim">▾ marks a model that appears in the pool, or disappears</span>
            </header>
            <div className="body">
              <SpendChart
                groups={use.series}
                dimension="served_model"
                since={since}
                share
                marks={changesOf(use.series)}
                shades={shades}
                narrowed={{ deployment: [use.deployment] }}
              />
            </div>
          </section>
          <LatencyCard deployment={use.deployment} colour={(name) => shades.get(name) ?? "var(--c8)"} />
        </>
      )}
    </>
  );
}

function Figure({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <div>
      <h2 className="small">{title}</h2>
      <div className="value number">{children}</div>
    </div>
  );
}

/** What one fixed model would have cost. Positive: the router was cheaper. */
function Baselines({ use, baseline, onBaseline }: { use: RouterUse; baseline: string[]; onBaseline: (names: string[]) => void }) {
  const most = Math.max(size(use.total.spend), ...use.baselines.map((each) => size(each.would_cost)), 1e-12);
  return (
    <div className="card">
      <header>
        <h2>Against one fixed model</h2>
      </header>
      <div className="body column fixed">
        <ul className="baselines">
          <li>
            <span className="cut">
              <b>The router</b>
            </span>
            <span className="bar-back">
              <i style={{ width: `${(size(use.total.spend) / most) * 100}%` }} />
            </span>
            <Money value={use.total.spend} minimum={use.total.minimum} />
            <span className="end" />
          </li>
          {use.baselines.map((each) => (
            <li key={each.model} title={each.reason}>
              <span className="cut" title={each.model}>{each.model}</span>
              <span className="bar-back">
                <i className="other" style={{ width: `${(size(each.would_cost) / most) * 100}%` }} />
              </span>
              <span>{each.would_cost === null ? <span className="dim">not known</span> : <Money value={each.would_cost} />}</span>
              <span className="end">
                {each.saved !== null && (
                  <Tag tone={each.saved.startsWith("-") ? "bad" : "good"} title={exact(each.saved)}>
                    {each.saved.startsWith("-") ? "router dearer" : "router cheaper"}{" "}
                    {size(each.would_cost) > 0 && percent(Math.abs(size(each.saved) / size(each.would_cost)))}
                  </Tag>
                )}
              </span>
              {each.would_cost === null && each.reason && <span className="why dim">{each.reason}</span>}
            </li>
          ))}
        </ul>
        {use.baselines.some((each) => each.saved === null && each.would_cost !== null) && (
          <Note tone="warn">
            No difference is stated: what was spent is not wholly known.{" "}
            <Link to="/logs" search={{ deployment: [use.deployment], status: ["unpriced", "inconsistent", "unsettled"] }} className="link">
              These calls
            </Link>{" "}
            lack a price or an answer.
          </Note>
        )}
        <Field label="Compare with" hint={use.method}>
          {(id) => <Names id={id} value={baseline} onChange={onBaseline} placeholder="the models it served; or type others" />}
        </Field>
      </div>
    </div>
  );
}

/** Days on which a served model is seen for the first time, or was seen for the last time the day before. */
export function changesOf(series: readonly SpendGroup[]): Map<string, string> {
  const days = new Map<string, Set<string>>();
  for (const each of series) {
    const on = each.group["day"] ?? "";
    const model = each.group["served_model"] ?? "";
    if (model) days.set(on, (days.get(on) ?? new Set()).add(model));
  }
  const ordered = [...days.keys()].sort();
  const found = new Map<string, string>();
  for (let at = 1; at < ordered.length; at++) {
    const day = ordered[at]!;
    const before = new Set(ordered.slice(0, at).flatMap((each) => [...days.get(each)!]));
    const after = new Set(ordered.slice(at).flatMap((each) => [...days.get(each)!]));
    const come = [...days.get(day)!].filter((model) => !before.has(model));
    const gone = [...days.get(ordered[at - 1]!)!].filter((model) => !after.has(model));
    const said = [
      ...come.map((model) => `${model} appears`),
      ...gone.map((model) => `${model} is not chosen any more`),
    ];
    if (said.length) found.set(day, said.join("\n"));
  }
  return found;
}
