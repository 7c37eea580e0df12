import { SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { Check, Empty, Find, Tag } from "../../shared/kit";
import { bytes, count, duration } from "../../shared/numbers";
import { exact } from "../../shared/money";
import { rowsOf } from "./rows";

const SECONDS = /(timeout|_interval|_time|_after|_period|_duration|seconds)$/;

/** Every setting as it is in force, by section, found by a part of its name or value. */
export function Configuration({
  sections,
  q,
  changed,
  onFind,
  onChanged,
}: {
  sections: readonly Section[];
  q: string;
  /** Only what is not at its default. */
  changed: boolean;
  onFind: (q: string) => void;
  onChanged: (changed: boolean) => void;
}) {
  const wanted = q.trim().toLowerCase();
  const all = sections.map(({ title, value, usual }) => ({ title, rows: rowsOf(value, usual) }));
  const set = all.flatMap((each) => each.rows).filter((each) => each.set).length;
  const found = all
    .map(({ title, rows }) => ({
      title,
      rows: rows
        .filter(({ name, value }) => `${title}.${name} ${JSON.stringify(value)}`.toLowerCase().includes(wanted))
        .filter((each) => each.set || !changed),
    }))
    .filter((each) => each.rows.length > 0);
  return (
    <section className="card">
      <header className="wrap">
        <h2>Configuration in force</h2>
        <span className="dim beside">marked where it is not the default</span>
        <Check
          label={`Not the default (${set})`}
          checked={changed}
          onChange={(event) => onChanged(event.target.checked)}
        />
        <Find
          label="Find a setting"
          placeholder="A setting or its value…"
          value={q}
          onChange={(event) => onFind(event.target.value)}
        />
      </header>
      {found.length === 0 && <Empty icon={<SearchX size={24} aria-hidden />} title="No setting is called that" />}
      {found.map(({ title, rows }) => (
        <div key={title} className="body">
          <h3 className="mono">{title}</h3>
          <dl className="configuration">
            {rows.map(({ name, value, usual, set: stated }) => (
              <div key={name} className={stated ? "stated" : ""}>
                <dt className="mono" title={name}>
                  {name}
                </dt>
                <dd>
                  <Value name={name} value={value} />
                  {stated && (
                    <div className="dim usual">
                      default: <Value name={name} value={usual} />
                    </div>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        </div>
      ))}
    </section>
  );
}

export interface Section {
  title: string;
  value: Record<string, unknown>;
  /** What it is where the configuration says nothing. */
  usual: Record<string, unknown>;
}

function Value({ name, value }: { name: string; value: unknown }): ReactNode {
  if (value === null || value === "") return <span className="dim">not stated</span>;
  if (value === "…") return <Tag title="Its value is never shown">secret is set</Tag>;
  if (value === true) return <Tag tone="good">on</Tag>;
  if (value === false) return <Tag>off</Tag>;
  if (name === "max_budget" && typeof value === "string") return exact(value);
  if (typeof value === "number") {
    if (name.endsWith("_bytes")) return <span title={count(value)}>{bytes(value).replace(".0 ", " ").replace("1024 MB", "1 GB")}</span>;
    if (SECONDS.test(name)) return <span title={`${value} seconds`}>{Number.isInteger(value) && value < 100 ? `${value} s` : duration(value).replace(/ 0 (s|min)$/, "")}</span>;
    return count(value);
  }
  if (Array.isArray(value)) return value.length ? value.map(said).join(", ") : <span className="dim">none</span>;
  if (typeof value === "object") {
    const entries = Object.entries(value as Record<string, unknown>);
    if (!entries.length) return <span className="dim">none</span>;
    return entries.map(([from, to]) => (
      <div key={from}>
        {from} → {Array.isArray(to) ? to.map(said).join(", ") : said(to)}
      </div>
    ));
  }
  return String(value);
}

function said(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : JSON.stringify(value);
}
