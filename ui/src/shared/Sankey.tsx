import { type ReactNode, useState } from "react";
import { steered, useWidth } from "./charts";

export interface Flow {
  from: string;
  to: string;
  value: number;
}

/** Two columns and the flows between them, as wide as their values; the arrow keys go through them. */
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
  const inOrder = [...flows].sort((a, b) => order(right, a.to) - order(right, b.to) || order(left, a.from) - order(left, b.from));
  const step = (forward: number, up: number) => {
    const at = inOrder.findIndex((each) => over?.from === each.from && over.to === each.to);
    setOver(inOrder[Math.max(0, Math.min(inOrder.length - 1, at + forward - up))] ?? null);
  };
  const open = () => (over ? onPick?.(over) : step(1, 0));
  return (
    <div
      className="chart"
      ref={ref}
      role="application"
      aria-label={`${label}. The arrow keys go from flow to flow${onPick ? ", Enter opens" : ""}`}
      tabIndex={0}
      onMouseLeave={() => setOver(null)}
      onBlur={() => setOver(null)}
      onKeyDown={(event) => steered(event, { step, open, leave: () => setOver(null) })}
    >
      {width > 0 && (
        <svg width={width} height={height + 4} role="img" aria-label={label}>
          {inOrder.map((each) => {
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
      <div role="status">{over && <div className="tip middle">{show(over)}</div>}</div>
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
