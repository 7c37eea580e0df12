import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowDown, ArrowUp, Link2 } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { api, type Attempt, type Call, type CallDetail, type Charge } from "../../client/api";
import { Count, Money, Time } from "../../shared/figures";
import { Bones, Code, CopyButton, Drawer, ErrorBox, IconButton, Tag } from "../../shared/kit";
import { duration } from "../../shared/numbers";
import { askCall } from "./ask";
import { ReceiptView } from "./Receipt";
import { outcomeTone, OUTCOMES, STATUSES, UNIT_NAMES, worthTone } from "./words";

/** An error that is longer has a box of its own. */
const MOST_IN_TAG = 48;

/** All of one call. j and k lead to its neighbours. */
export function CallDrawer({
  id,
  row,
  onClose,
  onStep,
}: {
  id: string;
  /** What the log knows of it: shown until all of it is there. */
  row: Call | undefined;
  onClose: () => void;
  onStep: (step: number) => void;
}) {
  const { data, error, refetch } = useQuery({ ...askCall(id), retry: 3, retryDelay: 400 });
  const call = data?.call ?? row;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "j") onStep(1);
      if (event.key === "k") onStep(-1);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [onStep]);
  return (
    <Drawer
      title={<span className="mono">{id}</span>}
      onClose={onClose}
      actions={
        <>
          <IconButton label="Call before (k)" small onClick={() => onStep(-1)}>
            <ArrowUp size={14} />
          </IconButton>
          <IconButton label="Next call (j)" small onClick={() => onStep(1)}>
            <ArrowDown size={14} />
          </IconButton>
          <CopyButton text={id} label="Copy the call id" />
          <CopyButton text={() => location.href} label="Copy a link to this call">
            <Link2 size={14} />
          </CopyButton>
        </>
      }
    >
      {error ? (
        <ErrorBox error={error} retry={() => void refetch()} />
      ) : call ? (
        <Detail call={call} detail={data} />
      ) : (
        <Bones rows={14} />
      )}
    </Drawer>
  );
}

function Detail({ call, detail }: { call: Call; detail: CallDetail | undefined }) {
  const { receipt, attempts = [], adjustments = [] } = detail ?? {};
  return (
    <div className="call">
      <div className="row wrap">
        <Tag tone={outcomeTone(call.outcome)} title={OUTCOMES[call.outcome]}>
          {call.outcome}
        </Tag>
        <Tag tone={worthTone(call.status)} title={STATUSES[call.status]}>
          {call.status}
        </Tag>
        {call.error && call.error.length <= MOST_IN_TAG && <Tag tone="bad">{call.error}</Tag>}
        <Tag>HTTP {call.http_status}</Tag>
        {call.stream && <Tag>streamed</Tag>}
        {call.adjustments > 0 && <Tag tone="info">adjusted later</Tag>}
      </div>
      {call.error.length > MOST_IN_TAG && <ErrorBox error={call.error} />}
      <div className="headline">
        <Figure title="Cost">
          <Money value={call.total} />
        </Figure>
        <Figure title="Latency">{duration(call.seconds)}</Figure>
        <Figure title="First byte">{duration(call.first_byte_seconds)}</Figure>
        <Figure title="Gateway's part">{duration(call.overhead_us / 1e6)}</Figure>
      </div>
      <section>
        <h3>Receipt</h3>
        {receipt ? (
          <ReceiptView receipt={receipt} />
        ) : detail ? (
          <p className="dim">Nothing that bills was reached.</p>
        ) : (
          <Bones rows={5} />
        )}
      </section>
      <section>
        <h3>Timeline</h3>
        <Timeline call={call} attempts={attempts} />
      </section>
      {receipt?.charges.map((each, at) => each.router && <TraceView key={at} charge={each} />)}
      {adjustments.length > 0 && (
        <section>
          <h3>Adjustments</h3>
          <div className="column">
            {adjustments.map((each, at) => (
              <div key={at} className="column">
                <p className="soft">
                  <Time at={each.at} whole /> · {each.reason}: <Money value={each.before?.total ?? null} /> became{" "}
                  <Money value={each.after.total} />
                </p>
              </div>
            ))}
          </div>
        </section>
      )}
      {detail?.content_kept && <Content id={call.call_id} />}
      <section>
        <h3>Facts</h3>
        <Facts call={call} />
      </section>
    </div>
  );
}

/** What was asked and answered, where the gateway keeps it. */
function Content({ id }: { id: string }) {
  const { data } = api.useQuery(
    "get",
    "/api/calls/{call_id}/content",
    { params: { path: { call_id: id } } },
    { retry: false, staleTime: Infinity },
  );
  if (!data || (data.prompt === null && data.answer === null)) return null;
  return (
    <section>
      <h3>Prompt and answer</h3>
      <div className="column">
        {data.prompt !== null && <Code kept>{readable(data.prompt)}</Code>}
        {data.answer !== null && <Code kept>{readable(data.answer)}</Code>}
      </div>
    </section>
  );
}

/** JSON on several lines; anything else as it is. */
function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Figure({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <div className="dim">{title}</div>
      <div className="value number">{children}</div>
    </div>
  );
}

function Timeline({ call, attempts }: { call: Call; attempts: readonly Attempt[] }) {
  const begin = Date.parse(call.started);
  const whole = Math.max(Date.parse(call.ended) - begin, call.seconds * 1000, 1);
  const place = (at: string, seconds: number) => ({
    left: `${Math.min(Math.max(((Date.parse(at) - begin) / whole) * 100, 0), 99)}%`,
    width: `${Math.min((seconds * 1000 * 100) / whole, 100)}%`,
  });
  return (
    <div className="timeline">
      {attempts.map((each, at) => (
        <div key={at} className="lane">
          <span className="cut" title={`${each.deployment}${each.error ? `: ${each.error}` : ""}`}>
            {each.deployment}
          </span>
          <span className="track" title={each.error || `HTTP ${each.status}`}>
            <i style={{ ...place(each.started, each.seconds), background: each.error ? "var(--bad)" : "var(--c0)" }} />
          </span>
          <span className="number end dim">{duration(each.seconds)}</span>
        </div>
      ))}
      {call.first_byte && call.first_byte_seconds !== null && (
        <div className="lane">
          <span className="dim">Until the first byte</span>
          <span className="track">
            <i style={{ left: 0, width: `${Math.min((call.first_byte_seconds * 100_000) / whole, 100)}%`, background: "var(--c4)" }} />
          </span>
          <span className="number end dim">{duration(call.first_byte_seconds)}</span>
        </div>
      )}
      <div className="lane">
        <span className="dim">Whole call</span>
        <span className="track">
          <i style={{ left: 0, width: "100%", background: "var(--faint)" }} />
        </span>
        <span className="number end dim">{duration(call.seconds)}</span>
      </div>
    </div>
  );
}

function TraceView({ charge }: { charge: Charge }) {
  const { router } = charge;
  if (!router) return null;
  return (
    <section>
      <h3>What the router says</h3>
      <div className="trace">
        {router.mode && <Tag>mode {router.mode}</Tag>}
        {router.latency_ms !== null && <Tag>decided in {router.latency_ms} ms</Tag>}
        {router.affinity && <Tag>affinity {router.affinity}</Tag>}
        {router.attempts.map((each, at) => (
          <Tag key={at} tone={each.error ? "bad" : "good"} title={each.error}>
            {each.model} {each.status ?? ""}
          </Tag>
        ))}
      </div>
    </section>
  );
}

type Column = "key" | "team" | "user" | "model" | "served_model" | "sent_model" | "deployment" | "provider" | "session" | "end_user" | "client" | "request_id" | "traceparent" | "operation" | "route";

function Facts({ call }: { call: Call }) {
  const linked: [string, Column, string][] = [
    ["Requested", "model", call.requested_model],
    ["Sent", "sent_model", call.sent_model],
    ["Served", "served_model", call.served_model],
    ["Deployment", "deployment", call.deployment],
    ["Provider", "provider", call.provider],
    ["Route", "route", call.route],
    ["Key", "key", call.key],
    ["Team", "team", call.team],
    ["User", "user", call.user],
    ["End user", "end_user", call.end_user],
    ["Session", "session", call.session],
    ["Client", "client", call.client],
    ["Operation", "operation", call.operation],
    ["Request id", "request_id", call.request_id],
    ["Trace", "traceparent", call.traceparent],
  ];
  return (
    <dl className="facts">
      <dt>Started</dt>
      <dd>
        <Time at={call.started} whole />
      </dd>
      {linked
        .filter(([, , value]) => value)
        .map(([title, name, value]) => (
          <Fact key={title} title={title}>
            <Link to="/logs" search={{ [name]: [value] }} className="quiet-link" title={`All calls of this ${title.toLowerCase()}`}>
              {value}
            </Link>
          </Fact>
        ))}
      {call.tags.length > 0 && (
        <Fact title="Tags">
          {call.tags.map((each) => (
            <Link key={each} to="/logs" search={{ tag: each }} className="tag">
              {each}
            </Link>
          ))}
        </Fact>
      )}
      {Object.entries(call.tokens).map(([unit, value]) => (
        <Fact key={unit} title={UNIT_NAMES[unit] ?? unit}>
          <Count value={value} whole /> {value === 1 ? "token" : "tokens"}
        </Fact>
      ))}
    </dl>
  );
}

function Fact({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </>
  );
}
