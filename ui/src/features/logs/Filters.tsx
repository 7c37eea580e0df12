import { getRouteApi } from "@tanstack/react-router";
import { ListFilter, X } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { CALL_LISTS } from "../../app/search";
import { Button, Find, Input, Menu, Select } from "../../shared/kit";
import { OUTCOMES, range, STATUSES } from "./words";

const route = getRouteApi("/logs");

type Search = ReturnType<typeof route.useSearch>;

interface Column {
  name: string;
  label: string;
  choices?: readonly string[];
  hint?: string;
}

const COLUMNS: readonly Column[] = [
  { name: "model", label: "Requested model" },
  { name: "served_model", label: "Served model" },
  { name: "key", label: "Key" },
  { name: "team", label: "Team" },
  { name: "user", label: "User" },
  { name: "tag", label: "Tag" },
  { name: "outcome", label: "Outcome", choices: Object.keys(OUTCOMES) },
  { name: "status", label: "Cost status", choices: Object.keys(STATUSES) },
  { name: "http_status", label: "HTTP status" },
  { name: "error", label: "Error code" },
  { name: "deployment", label: "Deployment" },
  { name: "provider", label: "Provider" },
  { name: "route", label: "Route", choices: ["direct", "model_router"] },
  { name: "min_cost", label: "Cost at least", hint: "USD" },
  { name: "max_cost", label: "Cost at most", hint: "USD" },
  { name: "min_seconds", label: "Latency at least", hint: "seconds" },
  { name: "min_first_byte", label: "First byte at least", hint: "seconds" },
  { name: "min_tokens_in", label: "Tokens in at least" },
  { name: "min_tokens_out", label: "Tokens out at least" },
  { name: "stream", label: "Streamed", choices: ["true", "false"] },
  { name: "adjusted", label: "Adjusted", choices: ["true", "false"] },
  { name: "sent_model", label: "Sent model" },
  { name: "operation", label: "Operation" },
  { name: "session", label: "Session" },
  { name: "end_user", label: "End user" },
  { name: "client", label: "Client address" },
  { name: "request_id", label: "Request id" },
  { name: "traceparent", label: "Trace" },
];

const SPANS = [
  { value: "", label: "All time" },
  { value: "15m", label: "15 minutes" },
  { value: "1h", label: "1 hour" },
  { value: "24h", label: "24 hours" },
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
];

export function Filters({ search }: { search: Search }) {
  const navigate = route.useNavigate();
  const set = (name: string, value: string | string[] | undefined) =>
    void navigate({ search: (before) => ({ ...before, [name]: value, call: undefined }), replace: true });
  const found = search as Record<string, string | string[] | undefined>;
  const add = (name: string, value: string) => {
    const before = found[name];
    set(name, (CALL_LISTS as readonly string[]).includes(name) ? [...new Set([...(before ?? []), value])] : value);
  };
  const custom = Boolean(search.until || (search.since && !SPANS.some((each) => each.value === search.since)));
  const chips = COLUMNS.flatMap((column) => {
    const value = found[column.name];
    if (value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).map((each) => ({ column, value: each }));
  });
  return (
    <div className="filters">
      <IdSearch value={search.call_id ?? ""} onChange={(value) => set("call_id", value || undefined)} />
      {custom ? (
        <span className="chip">
          <span className="cut">
            {range(search.since, search.until)}
          </span>
          <button
            type="button"
            aria-label="Any time"
            onClick={() =>
              void navigate({ search: (before) => ({ ...before, since: undefined, until: undefined }), replace: true })
            }
          >
            <X size={12} />
          </button>
        </span>
      ) : (
        <Select
          small
          className="auto"
          aria-label="Time"
          value={search.since ?? ""}
          options={SPANS}
          onChange={(event) => set("since", event.target.value || undefined)}
        />
      )}
      {chips.map(({ column, value }) => (
        <span className="chip" key={`${column.name} ${value}`}>
          <span className="cut" title={`${column.label}: ${value}`}>
            {column.label}: <b>{value || "none"}</b>
          </span>
          <button
            type="button"
            aria-label={`Without ${column.label} ${value}`}
            onClick={() => {
              const rest = Array.isArray(found[column.name])
                ? (found[column.name] as string[]).filter((each) => each !== value)
                : [];
              set(column.name, rest.length ? rest : undefined);
            }}
          >
            <X size={12} />
          </button>
        </span>
      ))}
      <AddFilter onAdd={add} />
      {chips.length + (custom ? 1 : 0) > 1 && (
        <Button small kind="plain" onClick={() => void navigate({ search: {}, replace: true })}>
          Clear
        </Button>
      )}
    </div>
  );
}

function IdSearch({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text.trim()), 220);
    return () => clearTimeout(timer);
  });
  return (
    <Find label="Call id" placeholder="Call id…" value={text} onChange={(event) => setText(event.target.value)} />
  );
}

function AddFilter({ onAdd }: { onAdd: (name: string, value: string) => void }) {
  const [column, setColumn] = useState<Column | null>(null);
  return (
    <Menu
      label="Filter"
      trigger={
        <Button small kind="plain" data-shortcut="f" aria-haspopup="menu" onClick={() => setColumn(null)}>
          <ListFilter size={13} aria-hidden /> Filter
        </Button>
      }
    >
      {(close) =>
        column === null ? (
          COLUMNS.map((each) => (
            <button key={each.name} type="button" role="menuitem" className="item" onClick={() => setColumn(each)}>
              {each.label}
            </button>
          ))
        ) : column.choices ? (
          <>
            <div className="title">{column.label}</div>
            {column.choices.map((each) => (
              <button
                key={each}
                type="button"
                role="menuitem"
                className="item"
                title={OUTCOMES[each] ?? STATUSES[each]}
                onClick={() => {
                  onAdd(column.name, each);
                  close();
                }}
              >
                {each}
              </button>
            ))}
          </>
        ) : (
          <form
            className="column ask-value"
            onSubmit={(event: FormEvent<HTMLFormElement>) => {
              event.preventDefault();
              const value = new FormData(event.currentTarget).get("value");
              if (typeof value === "string") onAdd(column.name, value.trim());
              close();
            }}
          >
            <label className="dim" htmlFor="filter-value">
              {column.label} {column.hint && `(${column.hint})`}
            </label>
            <Input id="filter-value" name="value" autoFocus small />
            <Button small kind="primary" type="submit">
              Add
            </Button>
          </form>
        )
      }
    </Menu>
  );
}
