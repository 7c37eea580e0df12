import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { SpendGroup } from "../../client/api";
import { type Column, colours, Legend, OTHER, Stacked } from "../../shared/charts";
import { Count, Money } from "../../shared/figures";
import { Segments } from "../../shared/kit";
import { about, size } from "../../shared/money";
import { compact } from "../../shared/numbers";
import { day, dayInFull, daysBetween, dayStart, nextDay, utcDay } from "../../shared/time";
import { type Dimension, nameless } from "./dimensions";

const REST = "\u0000others";
type Measure = "spend" | "calls";

/** Sums by day and one dimension, as columns. A part leads to its calls. */
export function SpendChart({
  groups,
  dimension,
  since,
  until,
  share,
  marks,
  shades,
}: {
  groups: readonly SpendGroup[];
  dimension: Exclude<Dimension, "day">;
  since: string;
  /** Not included. */
  until?: string | null;
  share?: boolean;
  marks?: ReadonlyMap<string, string>;
  /** Colours that the page uses for these names elsewhere, too. */
  shades?: ReadonlyMap<string, string>;
}) {
  const navigate = useNavigate();
  const [measure, setMeasure] = useState<Measure>("spend");
  const of = (group: SpendGroup) => (measure === "spend" ? size(group.spend) : group.calls);
  const shape = useMemo(() => arrange(groups, dimension, since, until ?? null, of), [groups, dimension, since, until, measure]);
  const colour = (name: string) => (name === REST ? OTHER : ((shades ?? shape.colour).get(name) ?? OTHER));
  const title = (name: string) => (name === REST ? "others" : name || nameless(dimension));
  const toCalls = (from: string, to: string, name: string | null) =>
    void navigate({
      to: "/logs",
      search: {
        since: dayStart(from),
        until: dayStart(nextDay(to)),
        ...(name && name !== REST ? (dimension === "tag" ? { tag: name } : { [dimension]: [name] }) : {}),
      },
    });
  return (
    <div className="column">
      <Stacked
        label={`${measure === "spend" ? "Spend" : "Calls"} a day`}
        columns={shape.columns}
        colour={colour}
        axis={measure === "spend" ? about : compact}
        share={share ?? false}
        {...(marks ? { marks } : {})}
        onPick={(column, part) => toCalls(column.id, column.id, part)}
        tip={(column, part) => (
          <>
            <div className="dim">{dayInFull(column.id)}, UTC</div>
            {[...column.parts].reverse().map((each) => {
              const found = shape.groups.get(`${column.id} ${each.name}`);
              return (
                <div key={each.name} className={part && part !== each.name ? "line faint" : "line"}>
                  <i style={{ background: colour(each.name) }} />
                  <span className="cut">{title(each.name)}</span>
                  {found ? (
                    measure === "spend" ? (
                      <Money value={found.spend} minimum={found.minimum} />
                    ) : (
                      <Count value={found.calls} whole />
                    )
                  ) : (
                    <span className="number">
                      {measure === "spend" ? `about ${about(each.value)}` : compact(each.value)}
                    </span>
                  )}
                </div>
              );
            })}
            {column.parts.length === 0 && <div>No calls</div>}
          </>
        )}
      />
      <div className="row wrap">
        <div className="grow">
          <Legend
            names={shape.names.map((name) => ({ name, title: title(name) }))}
            colour={colour}
            onPick={(name) => toCalls(since, until ? utcDay(1, Date.parse(until)) : utcDay(), name)}
          />
        </div>
        <Segments
          label="Measure"
          value={measure}
          options={[
            { value: "spend", label: "Spend" },
            { value: "calls", label: "Calls" },
          ]}
          onChange={setMeasure}
        />
      </div>
    </div>
  );
}

function arrange(
  groups: readonly SpendGroup[],
  dimension: string,
  since: string,
  until: string | null,
  of: (group: SpendGroup) => number,
) {
  const sums = new Map<string, number>();
  const found = new Map<string, SpendGroup>();
  const days = new Map<string, Map<string, number>>();
  for (const each of groups) {
    const name = each.group[dimension] ?? "";
    sums.set(name, (sums.get(name) ?? 0) + of(each));
  }
  const ranked = [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const kept = ranked.length > 8 ? ranked.slice(0, 7) : ranked;
  const shown = new Set(kept);
  for (const each of groups) {
    const on = each.group["day"] ?? "";
    const name = each.group[dimension] ?? "";
    const put = shown.has(name) ? name : REST;
    const column = days.get(on) ?? new Map<string, number>();
    column.set(put, (column.get(put) ?? 0) + of(each));
    days.set(on, column);
    if (put === name) found.set(`${on} ${name}`, each);
  }
  const names = ranked.length > 8 ? [...kept, REST] : kept;
  const last = until ? utcDay(1, Date.parse(`${until}T00:00:00Z`)) : utcDay();
  const columns: Column[] = daysBetween(since, last).map((on) => ({
    id: on,
    label: day(on),
    parts: names.flatMap((name) => {
      const value = days.get(on)?.get(name);
      return value === undefined ? [] : [{ name, value }];
    }),
  }));
  return { columns, names, colour: colours(kept), groups: found };
}
