import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Terminal } from "lucide-react";
import { NoModel } from "../../app/NoModel";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api, gateway, type Overview, type Period, type Sums } from "../../client/api";
import { Count, Money } from "../../shared/figures";
import { Bones, Code, CopyButton, Empty, ErrorBox, Segments } from "../../shared/kit";
import { change, size } from "../../shared/money";
import { count, duration, percent, tokensIn, tokensOut } from "../../shared/numbers";
import { daysOf, fromNow } from "../../shared/time";
import { curl } from "../playground/snippets";
import { SpendChart } from "../usage/SpendChart";
import { askOverview } from "./ask";
import { Shares } from "./Shares";
import "./overview.css";

const route = getRouteApi("/");

export const RANGES = [
  { value: "1", label: "Today" },
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
] as const;

export function OverviewPage() {
  const search = route.useSearch();
  const days = String(daysOf(search.days, 7));
  const navigate = route.useNavigate();
  const { data, error, isFetching, refetch } = useQuery({
    ...askOverview(search),
    refetchInterval: 30_000,
    placeholderData: (before) => before,
  });
  return (
    <>
      <Top title="Overview">
        <Segments
          label="Range"
          value={days}
          options={RANGES as readonly { value: string; label: string }[]}
          onChange={(value) => void navigate({ search: { days: value }, replace: true })}
        />
        <Refresh busy={isFetching} onClick={() => void refetch()} />
      </Top>
      <main className="content">
        {error && <ErrorBox error={error} retry={() => void refetch()} />}
        {data ? <Figures data={data} /> : !error && <Bones rows={12} />}
      </main>
    </>
  );
}

function Figures({ data }: { data: Overview }) {
  const { seesAll } = useSession();
  if (data.month.now.calls === 0 && data.range.now.calls === 0) return <NoCalls />;
  const { now, before } = data.range;
  const { since } = data.range;
  const last = data.latency.complete ? "" : ` · last ${data.latency.calls / 1000}k`;
  return (
    <>
      <section className="tiles" aria-label="Spend">
        <Spend title="Today" period={data.today} days="1" />
        <Spend title="Last 7 days" period={data.week} days="7" />
        <Spend title="Last 30 days" period={data.month} days="30" />
      </section>
      <section className="stats card" aria-label={`The last ${data.days} days`}>
        <Stat title="Requests" delta={change(now.calls, before.calls)}>
          <Link to="/logs" search={{ since }}>
            <Count value={now.calls} whole />
          </Link>
        </Stat>
        <Stat title="Error rate" delta={now.failed ? `${count(now.failed)} failed` : ""}>
          <Link to="/logs" search={{ since, outcome: ["failed", "refused", "lost"] }}>
            {percent(data.error_rate)}
          </Link>
        </Stat>
        <Stat title="Latency p50" delta={`p95 ${duration(data.latency.p95)}${last}`} about={sample(data)}>
          <Link to="/logs" search={{ since, outcome: ["completed"] }}>
            {duration(data.latency.p50)}
          </Link>
        </Stat>
        <Stat title="First token p50" delta={`p95 ${duration(data.latency.first_byte_p95)}${last}`} about={sample(data)}>
          <Link to="/logs" search={{ since, outcome: ["completed"], stream: "true" }}>
            {duration(data.latency.first_byte_p50)}
          </Link>
        </Stat>
        <Stat title="Tokens in" delta={change(tokensIn(now.tokens), tokensIn(before.tokens))}>
          <Link to="/usage" search={{ days: String(data.days) }}>
            <Count value={tokensIn(now.tokens)} />
          </Link>
        </Stat>
        <Stat title="Tokens out" delta={change(tokensOut(now.tokens), tokensOut(before.tokens))}>
          <Link to="/usage" search={{ days: String(data.days) }}>
            <Count value={tokensOut(now.tokens)} />
          </Link>
        </Stat>
      </section>
      <section className="card">
        <header>
          <h2>Spend by served model</h2>
          <span className="grow" />
          <Link to="/usage" search={{ days: String(data.days), by: "served_model" }} className="link">
            <Money value={now.spend} minimum={now.minimum} />
          </Link>
        </header>
        <div className="body">
          <SpendChart groups={data.series} dimension="served_model" since={data.range.since} />
        </div>
      </section>
      <Quality sums={now} since={since} />
      <section className="grid three">
        <Shares title="Models" groups={data.top_models} dimension="served_model" days={data.days} total={now} />
        {seesAll && <Shares title="Keys" groups={data.top_keys} dimension="key" days={data.days} total={now} />}
        {seesAll && <Shares title="Teams" groups={data.top_teams} dimension="team" days={data.days} total={now} />}
      </section>
    </>
  );
}

/** Which calls the latencies are of. */
function sample({ latency }: Overview): string {
  if (latency.complete) return `Of all ${count(latency.calls)} completed calls of these days`;
  const first = latency.since ? `, the first of them ${fromNow(latency.since)}` : "";
  return `Of the last ${count(latency.calls)} completed calls of these days${first}`;
}

function Spend({ title, period, days }: { title: string; period: Period; days: string }) {
  const moved = change(size(period.now.spend), size(period.before.spend));
  return (
    <Link to="/usage" search={{ days }} className="tile card">
      <h2 className="small">{title}</h2>
      <div className="big">
        <Money value={period.now.spend} minimum={period.now.minimum} />
      </div>
      <div className="dim row wrap">
        {moved && <span className="delta">{moved}</span>}
        <span className="grow">
          {moved ? "against " : "before "}
          <Money value={period.before.spend} minimum={period.before.minimum} />
        </span>
        <span className="number">
          {count(period.now.calls)} {period.now.calls === 1 ? "call" : "calls"}
        </span>
      </div>
    </Link>
  );
}

function Stat({
  title,
  delta,
  about,
  children,
}: {
  title: string;
  delta: string;
  about?: string;
  children: React.ReactNode;
}) {
  return (
    <div title={about}>
      <h2 className="small">{title}</h2>
      <div className="value number">{children}</div>
      <div className="dim">{delta || "\u00a0"}</div>
    </div>
  );
}

const WORTH = [
  { status: "priced", title: "Priced", colour: "var(--good)", about: "Exact: every token has its price" },
  { status: "estimated", title: "Estimated", colour: "var(--c4)", about: "Tokens were counted here, since the provider did not say" },
  { status: "unpriced", title: "Unpriced", colour: "var(--warn)", about: "A served model has no price row yet" },
  { status: "inconsistent", title: "Inconsistent", colour: "var(--c6)", about: "The provider's counts contradict themselves" },
  { status: "unsettled", title: "Unsettled", colour: "var(--bad)", about: "The process died before the call was settled" },
] as const;

/** How sure the sums are; each part leads to its rows. */
function Quality({ sums, since }: { sums: Sums; since: string }) {
  const known = WORTH.map((each) => ({ ...each, calls: sums[each.status] }));
  const whole = known.reduce((sum, each) => sum + each.calls, 0);
  if (!whole) return null;
  return (
    <section className="card quality" aria-label="How sure these sums are">
      <div className="strip">
        {known
          .filter((each) => each.calls)
          .map((each) => (
            <Link
              key={each.status}
              to="/logs"
              search={{ since, status: [each.status] }}
              style={{ flexGrow: Math.max(each.calls / whole, 0.006), background: each.colour }}
              title={`${each.title}: ${count(each.calls)}. ${each.about}`}
              aria-label={`${each.title}: ${count(each.calls)}`}
            />
          ))}
      </div>
      <div className="row wrap names">
        {known.map((each) => (
          <Link
            key={each.status}
            to="/logs"
            search={{ since, status: [each.status] }}
            className={each.calls ? "row quiet-link" : "row quiet-link none"}
            title={each.about}
          >
            <i style={{ background: each.colour }} />
            {each.title}
            <span className="number dim">
              {count(each.calls)} · {percent(each.calls / whole)}
            </span>
          </Link>
        ))}
      </div>
    </section>
  );
}

/** What to do first: add a model, then call it. */
function NoCalls() {
  const me = api.useQuery("get", "/api/me");
  const [model] = me.data?.models ?? [];
  if (me.data && !model) return <NoModel />;
  const body = { model: model ?? "", messages: [{ role: "user", content: "Hello" }] };
  const command = curl(gateway, body);
  return (
    <div className="card">
      <Empty icon={<Terminal size={26} aria-hidden />} title="No calls yet">
        <p>
          Make one in the{" "}
          <Link to="/playground" className="link">
            playground
          </Link>
          , or from a terminal. It appears here and in the logs a moment after it has ended.
        </p>
        {model && (
          <div className="row snippet">
            <Code>{command}</Code>
            <CopyButton text={command} />
          </div>
        )}
      </Empty>
    </div>
  );
}
