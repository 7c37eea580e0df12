import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import "./charts.css";

/** Colours of series; the ninth stands for all others. */
export const COLOURS = Array.from({ length: 8 }, (_, at) => `var(--c${at})`);
export const OTHER = "var(--c8)";

/** A colour for each name, the same on every chart of a page. */
export function colours(names: readonly string[]): Map<string, string> {
  return new Map(names.map((name, at) => [name, COLOURS[at] ?? OTHER]));
}

/** The width of a box on the screen, 0 before it is drawn. */
export function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
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

/** Arrow keys as steps to the right and upwards; Enter and Space open, Escape lets go. */
export function steered(
  event: KeyboardEvent,
  on: { step: (right: number, up: number) => void; open: () => void; leave: () => void },
): void {
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  const step = ARROWS[event.key];
  if (step) on.step(...step);
  else if (event.key === "Enter" || event.key === " ") on.open();
  else if (event.key === "Escape") on.leave();
  else return;
  event.preventDefault();
}

const ARROWS: Record<string, [right: number, up: number]> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

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

/**
 * Columns of piled parts. What is under the pointer, or chosen by the arrow keys, is told beside it;
 * a part may be opened.
 */
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
  const last = columns.findLastIndex((each) => each.parts.length > 0);
  const step = (right: number, up: number) => {
    const at = over ? Math.max(0, Math.min(columns.length - 1, over.column + right)) : last;
    const parts = columns[at]?.parts.filter((each) => each.value > 0) ?? [];
    const before = parts.findIndex((each) => each.name === over?.part);
    const next = before < 0 ? (up < 0 ? parts.length - 1 : 0) : Math.max(0, Math.min(parts.length - 1, before + up));
    setOver({ column: at, part: (up || before >= 0 ? parts[next]?.name : null) ?? null });
  };
  const open = () => {
    const part = over?.part ?? (chosen?.parts.length === 1 ? chosen.parts[0]?.name : undefined);
    if (chosen && part !== undefined) onPick?.(chosen, part);
    else step(0, 1);
  };
  return (
    <div
      className="chart"
      ref={ref}
      role="application"
      aria-label={`${label}. Left and right go from column to column, up and down from part to part${onPick ? ", Enter opens" : ""}`}
      tabIndex={0}
      onMouseLeave={() => setOver(null)}
      onBlur={() => setOver(null)}
      onKeyDown={(event) => steered(event, { step, open, leave: () => setOver(null) })}
    >
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
      <div role="status">
        {over && chosen && (
          <div
            className={centre > width / 2 ? "tip left" : "tip"}
            style={{ left: centre > width / 2 ? undefined : centre + bar / 2 + 8, right: centre > width / 2 ? width - centre + bar / 2 + 8 : undefined }}
          >
            {tip(chosen, over.part)}
          </div>
        )}
      </div>
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
          <button type="button" className="quiet-link row" title={title} onClick={() => onPick?.(name)} disabled={!onPick}>
            <i style={{ background: colour(name) }} />
            <span className="cut">{title}</span>
            {more}
          </button>
        </li>
      ))}
    </ul>
  );
}
