import { type ReactNode, useEffect, useRef, useState } from "react";
import "./charts.css";

/** Colours of series; the ninth stands for all others. */
export const COLOURS = Array.from({ length: 8 }, (_, at) => `var(--c${at})`);
export const OTHER = "var(--c8)";

/** A colour for each name, the same on every chart of a page. */
export function colours(names: readonly string[]): Map<string, string> {
  return new Map(names.map((name, at) => [name, COLOURS[at] ?? OTHER]));
}

function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    setWidth(box.clientWidth);
    const watch = new ResizeObserver(() => setWidth(box.clientWidth));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

/** Round steps up to a value: `[0, 5, 10, 15]`. */
export function ticks(most: number, wanted = 4): number[] {
  if (!(most > 0)) return [0];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const found: number[] = [];
  for (let at = 0; at <= Math.ceil(most / step - 1e-9); at++) found.push(at * step);
  return found;
}

export interface Column {
  id: string;
  label: string;
  /** In the order they are piled up. */
  parts: readonly { name: string; value: number }[];
}

/** Columns of piled parts. What is under the pointer is told beside it; a part may be clicked. */
export function Stacked({
  columns,
  colour,
  axis,
  tip,
  onPick,
  height = 220,
  share = false,
  marks,
  label,
}: {
  columns: readonly Column[];
  colour: (name: string) => string;
  axis: (value: number) => string;
  tip: (column: Column, part: string | null) => ReactNode;
  onPick?: (column: Column, part: string) => void;
  height?: number;
  /** Every column as high as all others, parts as shares. */
  share?: boolean;
  /** Columns that something begins at, by id. */
  marks?: ReadonlyMap<string, string>;
  label: string;
}) {
  const [ref, width] = useWidth();
  const [over, setOver] = useState<{ column: number; part: string | null } | null>(null);
  const left = 46;
  const bottom = 20;
  const top = marks?.size ? 16 : 8;
  const inner = Math.max(width - left - 2, 10);
  const room = height - bottom - top;
  const totals = columns.map((each) => each.parts.reduce((sum, part) => sum + part.value, 0));
  const steps = share ? [0, 0.25, 0.5, 0.75, 1] : ticks(Math.max(0, ...totals));
  const most = steps.at(-1) || 1;
  const pitch = inner / Math.max(columns.length, 1);
  const bar = Math.max(Math.min(pitch * 0.76, 46), 1);
  const every = Math.max(1, Math.ceil(62 / pitch));
  const chosen = over ? columns[over.column] : undefined;
  const centre = over ? left + (over.column + 0.5) * pitch : 0;
  return (
    <div className="chart" ref={ref} onMouseLeave={() => setOver(null)}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={label}>
          {steps.map((each) => {
            const y = top + room - (each / most) * room;
            return (
              <g key={each}>
                <line x1={left} x2={width} y1={y} y2={y} className={each === 0 ? "axis" : "rule"} />
                <text x={left - 8} y={y + 3.5} textAnchor="end">
                  {share ? `${each * 100}%` : axis(each)}
                </text>
              </g>
            );
          })}
          {columns.map((column, index) => {
            const x = left + (index + 0.5) * pitch - bar / 2;
            const whole = share ? totals[index] || 1 : most;
            let y = top + room;
            return (
              <g key={column.id} className={over && over.column !== index ? "faded" : ""}>
                {column.parts.map((part) => {
                  const high = (part.value / whole) * room;
                  if (high <= 0) return null;
                  y -= high;
                  return (
                    <rect
                      key={part.name}
                      x={x}
                      y={y}
                      width={bar}
                      height={Math.max(high - (high > 3 ? 0.75 : 0), 0.6)}
                      fill={colour(part.name)}
                      rx={Math.min(1.5, bar / 4)}
                      className={onPick ? "pick" : ""}
                      opacity={over?.part && over.part !== part.name ? 0.55 : 1}
                      onMouseEnter={() => setOver({ column: index, part: part.name })}
                      onClick={() => onPick?.(column, part.name)}
                    />
                  );
                })}
                {marks?.has(column.id) && (
                  <path
                    d={`M${x + bar / 2 - 4} 3h8l-4 6z`}
                    fill="var(--text-3)"
                    aria-label={marks.get(column.id)}
                  >
                    <title>{marks.get(column.id)}</title>
                  </path>
                )}
                {index % every === 0 && (
                  <text x={x + bar / 2} y={height - 4} textAnchor="middle">
                    {column.label}
                  </text>
                )}
                <rect
                  x={left + index * pitch}
                  y={0}
                  width={pitch}
                  height={Math.max(y, 0)}
                  fill="transparent"
                  onMouseEnter={() => setOver({ column: index, part: null })}
                />
              </g>
            );
          })}
        </svg>
      )}
      {over && chosen && (
        <div
          className={centre > width / 2 ? "tip left" : "tip"}
          style={{ left: centre > width / 2 ? undefined : centre + bar / 2 + 8, right: centre > width / 2 ? width - centre + bar / 2 + 8 : undefined }}
        >
          {tip(chosen, over.part)}
        </div>
      )}
    </div>
  );
}

/** What each colour means; each name can be clicked. */
export function Legend({
  names,
  colour,
  onPick,
}: {
  names: readonly { name: string; title: string; more?: ReactNode }[];
  colour: (name: string) => string;
  onPick?: (name: string) => void;
}) {
  return (
    <ul className="legend">
      {names.map(({ name, title, more }) => (
        <li key={name}>
          <button type="button" className="quiet-link row" onClick={() => onPick?.(name)} disabled={!onPick}>
            <i style={{ background: colour(name) }} />
            <span className="cut">{title}</span>
            {more}
          </button>
        </li>
      ))}
    </ul>
  );
}

export interface Flow {
  from: string;
  to: string;
  value: number;
}

/** Two columns and the flows between them, as wide as their values. */
export function Sankey({
  flows,
  colour,
  about,
  show,
  onPick,
  label,
}: {
  flows: readonly Flow[];
  colour: (name: string) => string;
  /** What stands below the name of one on the right. */
  about?: (name: string) => string;
  show: (flow: Flow) => ReactNode;
  onPick?: (flow: Flow) => void;
  label: string;
}) {
  const [ref, width] = useWidth();
  const [over, setOver] = useState<Flow | null>(null);
  const left = pile(flows, "from");
  const right = pile(flows, "to");
  const gap = about ? 30 : 14;
  const total = flows.reduce((sum, each) => sum + each.value, 0) || 1;
  const height = Math.max(190, Math.max(left.length, right.length) * (about ? 54 : 44));
  const scale = (height - gap * (Math.max(left.length, right.length) - 1)) / total;
  const place = (nodes: readonly { name: string; value: number }[]) => {
    const high = nodes.reduce((sum, each) => sum + Math.max(each.value * scale, 2), 0) + gap * (nodes.length - 1);
    let at = (height - high) / 2;
    return new Map(
      nodes.map((each) => {
        const size = Math.max(each.value * scale, 2);
        const found = { y: at, size, used: 0 };
        at += size + gap;
        return [each.name, found];
      }),
    );
  };
  const starts = place(left);
  const ends = place(right);
  const side = Math.min(190, width * 0.3);
  const x1 = side;
  const x2 = width - side;
  return (
    <div className="chart" ref={ref} onMouseLeave={() => setOver(null)}>
      {width > 0 && (
        <svg width={width} height={height + 4} role="img" aria-label={label}>
          {[...flows]
            .sort((a, b) => order(right, a.to) - order(right, b.to))
            .map((each) => {
              const from = starts.get(each.from)!;
              const to = ends.get(each.to)!;
              const size = Math.max(each.value * scale, 1);
              const y1 = from.y + from.used + size / 2;
              const y2 = to.y + to.used + size / 2;
              from.used += size;
              to.used += size;
              const bend = (x2 - x1) / 2;
              return (
                <path
                  key={`${each.from} ${each.to}`}
                  d={`M${x1 + 6} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 6} ${y2}`}
                  stroke={colour(each.to)}
                  strokeWidth={size}
                  className={onPick ? "flow pick" : "flow"}
                  opacity={over ? (over.from === each.from && over.to === each.to ? 0.75 : 0.15) : 0.38}
                  onMouseEnter={() => setOver(each)}
                  onClick={() => onPick?.(each)}
                />
              );
            })}
          {left.map((each) => (
            <Node key={each.name} name={each.name} at={starts.get(each.name)!} x={x1} room={side} end />
          ))}
          {right.map((each) => (
            <Node key={each.name} name={each.name} at={ends.get(each.name)!} x={x2} room={side} fill={colour(each.name)} about={about?.(each.name)} />
          ))}
        </svg>
      )}
      {over && <div className="tip middle">{show(over)}</div>}
    </div>
  );
}

function Node({
  name,
  at,
  x,
  room,
  end,
  fill = "var(--text-3)",
  about,
}: {
  name: string;
  at: { y: number; size: number };
  x: number;
  room: number;
  end?: boolean;
  fill?: string;
  about?: string | undefined;
}) {
  const most = Math.max(6, Math.floor((room - 16) / 6.4));
  const middle = at.y + at.size / 2 + 4 - (about ? 7 : 0);
  const shown = name.length > most ? `${name.slice(0, most - 1)}…` : name;
  return (
    <g>
      <rect x={end ? x : x - 6} y={at.y} width={6} height={at.size} rx={2} fill={fill} />
      <text className="name" x={end ? x - 8 : x + 8} y={middle} textAnchor={end ? "end" : "start"}>
        {shown || "none answered"}
        <title>{name}</title>
      </text>
      {about && (
        <text x={end ? x - 8 : x + 8} y={middle + 14} textAnchor={end ? "end" : "start"}>
          {room < 120 ? about.split(" · ")[0] : about}
        </text>
      )}
    </g>
  );
}

function pile(flows: readonly Flow[], side: "from" | "to"): { name: string; value: number }[] {
  const found = new Map<string, number>();
  for (const each of flows) found.set(each[side], (found.get(each[side]) ?? 0) + each.value);
  return [...found].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value);
}

function order(nodes: readonly { name: string }[], name: string): number {
  return nodes.findIndex((each) => each.name === name);
}
