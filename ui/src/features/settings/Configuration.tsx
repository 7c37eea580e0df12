import { SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { Empty, Input, Tag } from "../../shared/kit";
import { bytes, count, duration } from "../../shared/numbers";
import { exact } from "../../shared/money";

const SECONDS = /(timeout|_interval|_time|_after|_period|_duration|seconds)$/;

/** Every setting as it is in force, by section, found by a part of its name or value. */
export function Configuration({
  sections,
  q,
  onFind,
}: {
  sections: readonly { title: string; value: Record<string, unknown> }[];
  q: string;
  onFind: (q: string) => void;
}) {
  const wanted = q.trim().toLowerCase();
  const found = sections
    .map(({ title, value }) => ({
      title,
      rows: flat(value)
        .filter(([name, each]) => `${title}.${name} ${JSON.stringify(each)}`.toLowerCase().includes(wanted))
        .sort(([a], [b]) => a.localeCompare(b)),
    }))
    .filter((each) => each.rows.length > 0);
  return (
    <section className="card">
      <header className="wrap">
        <h2 className="grow">Configuration in force</h2>
        <Input
          small
          type="search"
          className="auto"
          data-shortcut="/"
          aria-label="Find a setting"
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
            {rows.map(([name, each]) => (
              <div key={name}>
                <dt className="mono" title={name}>
                  {name}
                </dt>
                <dd>
                  <Value name={name} value={each} />
                </dd>
              </div>
            ))}
          </dl>
        </div>
      ))}
    </section>
  );
}

/** Sections within sections by their whole name; lists and maps of names stay as they are. */
function flat(value: Record<string, unknown>, before = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([name, each]) =>
    ["limits", "log", "metrics"].includes(name) && typeof each === "object" && each !== null
      ? flat(each as Record<string, unknown>, `${before}${name}.`)
      : [[`${before}${name}`, each] as [string, unknown]],
  );
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
