import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ChartColumn, Download, X } from "lucide-react";
import { useMemo, useRef } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import type { SpendGroup } from "../../client/api";
import { Count, Money } from "../../shared/figures";
import { downloadCsv } from "../../shared/csv";
import { Bones, Button, Check, Empty, ErrorBox, Input, Menu, Segments } from "../../shared/kit";
import { size } from "../../shared/money";
import { count, percent, tokensIn, tokensOut } from "../../shared/numbers";
import { Still } from "../../shared/Still";
import { useBySteps } from "../../shared/steps";
import { dayBefore, ledgerDay, nextDay } from "../../shared/time";
import { notifyProblem } from "../../shared/toasts";
import { asked, askSpend } from "./ask";
import { type Dimension, DIMENSIONS, labelOf, nameless } from "./dimensions";
import { SpendChart } from "./SpendChart";
import "./usage.css";

const route = getRouteApi("/usage");

export function UsagePage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { seesAll } = useSession();
  const { by, days, since, until, narrowed, query, coloured, ...ask } = asked(search);
  const spend = useInfiniteQuery({ ...ask.spend, placeholderData: (before) => before });
  const series = useQuery({ ...ask.series, placeholderData: (before) => before });
  const first = spend.data?.pages[0];
  const told = first?.by ?? by; // until the next sums are there, the ones before are shown as they were
  const rows = useMemo(() => spend.data?.pages.flatMap((page) => page.data) ?? [], [spend.data]);
  // Sums of something else are drawn in steps; those of before are not, while they wait for them.
  const list = useRef("");
  if (!spend.isPlaceholderData) list.current = JSON.stringify([by, query]);
  const drawn = useBySteps(rows, list.current);
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const chips = Object.entries(narrowed).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value as string]).map((each) => ({ name, value: each })),
  );
  const shown = DIMENSIONS.filter((each) => seesAll || !["key", "team", "user"].includes(each.value));
  return (
    <>
      <Top title="Usage">
        <Segments
          label="Range"
          value={days}
          options={[
            { value: "1", label: "Today" },
            { value: "7", label: "7 days" },
            { value: "30", label: "30 days" },
            { value: "90", label: "90 days" },
            { value: "366", label: "Year" },
          ]}
          onChange={(value) => set({ days: value, since: undefined, until: undefined })}
        />
        <Refresh
          busy={spend.isFetching}
          onClick={() => {
            void spend.refetch();
            void series.refetch();
          }}
        />
      </Top>
      <main className="content">
        <div className="row wrap">
          <Menu
            label="By"
            trigger={
              <Button small aria-haspopup="menu">
                By {by.map((each) => labelOf(each).toLowerCase()).join(", ")}
              </Button>
            }
          >
            {() => (
              <div className="column by">
                {shown.map((each) => (
                  <Check
                    key={each.value}
                    label={each.label}
                    checked={by.includes(each.value)}
                    onChange={(event) => {
                      const next = event.target.checked ? [...by, each.value] : by.filter((other) => other !== each.value);
                      if (next.length) set({ by: next.join(",") });
                    }}
                  />
                ))}
              </div>
            )}
          </Menu>
          <label className="row dim">
            From
            <Input
              small
              type="date"
              className="auto"
              value={since}
              max={ledgerDay()}
              onChange={(event) => set({ since: event.target.value || undefined, days: undefined })}
            />
          </label>
          <label className="row dim">
            to
            <Input
              small
              type="date"
              className="auto"
              value={until ? dayBefore(until) : ledgerDay()}
              max={ledgerDay()}
              onChange={(event) =>
                set({ since, days: undefined, until: event.target.value ? nextDay(event.target.value) : undefined })
              }
            />
          </label>
          {chips.map(({ name, value }) => (
            <span className="chip" key={`${name} ${value}`}>
              <span className="cut">
                {labelOf(name)}: <b>{value || "none"}</b>
              </span>
              <button
                type="button"
                aria-label={`Without ${labelOf(name)} ${value}`}
                onClick={() => {
                  const before = search[name as "key"];
                  const rest = Array.isArray(before) ? before.filter((each) => each !== value) : [];
                  set({ [name]: rest.length ? rest : undefined });
                }}
              >
                <X size={12} />
              </button>
            </span>
          ))}
          <span className="grow" />
          <Button small disabled={!rows.length} onClick={() => void exportAll(by, query).catch(notifyProblem)}>
            <Download size={13} aria-hidden /> CSV
          </Button>
        </div>
        {spend.error && <ErrorBox error={spend.error} retry={() => void spend.refetch()} />}
        {series.error && !spend.error && <ErrorBox error={series.error} retry={() => void series.refetch()} />}
        {series.data && rows.length > 0 && (
          <section className="card">
            <div className={series.isPlaceholderData ? "body before" : "body"} aria-busy={series.isPlaceholderData}>
              <Still
                waiting={series.isPlaceholderData}
                of={[series.data, list.current]}
                draw={() => (
                  <SpendChart {...series.data!} dimension={coloured} since={since} until={until ?? null} narrowed={narrowed} />
                )}
              />
            </div>
          </section>
        )}
        {!first ? (
          !spend.error && <Bones rows={10} />
        ) : rows.length === 0 ? (
          <div className="card">
            <Empty icon={<ChartColumn size={26} aria-hidden />} title="Nothing was spent in these days">
              {chips.length > 0 ? (
                <p>Choose a longer range, or take a filter away.</p>
              ) : (
                <p>
                  Choose a longer range, or make a call in the{" "}
                  <Link to="/playground" className="link">
                    playground
                  </Link>
                  .
                </p>
              )}
            </Empty>
          </div>
        ) : (
          <section className="card">
            <div className={spend.isPlaceholderData ? "table-wrap before" : "table-wrap"} aria-busy={spend.isPlaceholderData}>
              <Still
                waiting={spend.isPlaceholderData}
                of={[drawn, first, list.current]}
                draw={() => (
                  <table className="table usage">
                    <thead>
                      <tr>
                        {told.map((each) => (
                          <th key={each}>{labelOf(each)}</th>
                        ))}
                        <th className="end">Calls</th>
                        <th className="end">Failed</th>
                        <th className="end">Tokens in</th>
                        <th className="end">Tokens out</th>
                        <th className="end">Routing fee</th>
                        <th className="end">Spend</th>
                        <th>Share</th>
                      </tr>
                    </thead>
                    <tbody>
                      <tr className="sum">
                        <td colSpan={told.length}>Total</td>
                        <Cells group={first.total} whole={size(first.total.spend)} />
                      </tr>
                      {drawn.map((each) => (
                        <tr key={told.map((name) => each.group[name]).join("\u0000")}>
                          {told.map((name) => (
                            <td key={name}>
                              <Name group={each} name={name} by={told} search={search} />
                            </td>
                          ))}
                          <Cells
                            group={each}
                            whole={size(first.total.spend)}
                            calls={{ ...narrowed, ...drill(each, since, until) }}
                          />
                        </tr>
                      ))}
                    </tbody>
                  </table>
                )}
              />
            </div>
            {spend.hasNextPage && (
              <div className="body">
                <Button small busy={spend.isFetchingNextPage} onClick={() => void spend.fetchNextPage()}>
                  More
                </Button>
              </div>
            )}
          </section>
        )}
        {by.includes("tag") && <p className="dim">A call counts under each of its tags, and once in the total.</p>}
      </main>
    </>
  );
}

/** The log's filter for the rows behind a group. */
function drill(group: SpendGroup, since: string, until: string | undefined): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = { since, ...(until ? { until } : {}) };
  for (const [name, value] of Object.entries(group.group)) {
    if (name === "day") {
      found["since"] = value;
      found["until"] = nextDay(value);
    } else if (name === "tag") found["tag"] = value;
    else found[name] = [value];
  }
  return found;
}

/** A name: narrows to it and goes on by something else. */
function Name({
  group,
  name,
  by,
  search,
}: {
  group: SpendGroup;
  name: Dimension;
  by: readonly Dimension[];
  search: ReturnType<typeof route.useSearch>;
}) {
  const value = group.group[name] ?? "";
  const shown = value || nameless(name);
  if (name === "day")
    return (
      <Link to="/usage" search={{ ...search, days: undefined, since: value, until: nextDay(value), by: "served_model" }} className="quiet-link number">
        {shown}
      </Link>
    );
  const rest = by.filter((each) => each !== name);
  const next = rest.length ? rest.join(",") : name === "served_model" ? "key" : "served_model";
  return (
    <Link
      to="/usage"
      search={{ ...search, [name]: name === "tag" ? value : [value], by: next }}
      className={value ? "quiet-link cut block" : "quiet-link cut block dim"}
      title={`${shown}: by ${labelOf(next.split(",")[0] ?? "").toLowerCase()}`}
    >
      {shown}
    </Link>
  );
}

type Figures = Pick<SpendGroup, "calls" | "failed" | "tokens" | "router_fee" | "spend" | "minimum">;

function Cells({
  group,
  whole,
  calls,
}: {
  group: Figures;
  whole: number;
  calls?: Record<string, string | string[]>;
}) {
  const share = whole ? size(group.spend) / whole : 0;
  return (
    <>
      <td className="end">
        {calls ? (
          <Link to="/logs" search={calls} className="quiet-link" title="The calls">
            {count(group.calls)}
          </Link>
        ) : (
          count(group.calls)
        )}
      </td>
      <td className="end">
        {group.failed && calls ? (
          <Link to="/logs" search={{ ...calls, outcome: ["failed", "refused", "lost"] }} className="quiet-link">
            {count(group.failed)}
          </Link>
        ) : (
          <span className={group.failed ? "" : "dim"}>{count(group.failed)}</span>
        )}
      </td>
      <td className="end">
        <Count value={tokensIn(group.tokens)} />
      </td>
      <td className="end">
        <Count value={tokensOut(group.tokens)} />
      </td>
      <td className="end soft">
        <Money value={group.router_fee} />
      </td>
      <td className="end">
        {calls ? (
          <Link to="/logs" search={calls} className="quiet-link">
            <Money value={group.spend} minimum={group.minimum} />
          </Link>
        ) : (
          <Money value={group.spend} minimum={group.minimum} />
        )}
      </td>
      <td className="share">
        <div className="row">
          <span className="meter">
            <span className="bar-back">
              <i style={{ width: `${share * 100}%` }} />
            </span>
          </span>
          <span className="dim number">{percent(share)}</span>
        </div>
      </td>
    </>
  );
}

async function exportAll(by: readonly string[], query: Record<string, unknown>): Promise<void> {
  const rows: (string | number)[][] = [
    [...by, "calls", "failed", "tokens_in", "tokens_out", "router_fee_usd", "spend_usd", "spend_is_minimum"],
  ];
  let cursor: string | undefined;
  do {
    const page = await askSpend({ ...query, by: by.join(","), cursor, limit: 1000 });
    for (const each of page.data)
      rows.push([
        ...by.map((name) => each.group[name] ?? ""),
        each.calls,
        each.failed,
        tokensIn(each.tokens),
        tokensOut(each.tokens),
        each.router_fee,
        each.spend,
        String(each.minimum),
      ]);
    cursor = page.next ?? undefined;
  } while (cursor);
  downloadCsv(`spend-by-${by.join("-")}.csv`, rows);
}
