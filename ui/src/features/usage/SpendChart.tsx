import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { SpendGroup } from "../../client/api";
import { colours, Legend, OTHER, Stacked } from "../../shared/charts";
import { Count, Money } from "../../shared/figures";
import { Segments } from "../../shared/kit";
import { about, size } from "../../shared/money";
import { compact } from "../../shared/numbers";
import { day, dayBefore, dayInFull, daysBetween, ledgerDay, ledgerZone, nextDay, otherDaysBefore } from "../../shared/time";
import { type Dimension, nameless } from "./dimensions";
import { arrange, REST } from "./series";

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
  days,
  narrowed,
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
  /** Whole days, where `groups` are only some names of them: the rest is shown as others. */
  days?: readonly SpendGroup[] | null;
  /** The log's filter that the sums are narrowed by, which their calls have to be, too. */
  narrowed?: Record<string, string | string[]>;
}) {
  const navigate = useNavigate();
  const [measure, setMeasure] = useState<Measure>("spend");
  const other = otherDaysBefore(since);
  const of = (group: SpendGroup) => (measure === "spend" ? size(group.spend) : group.calls);
  const shape = useMemo(
    () => arrange(groups, days ?? null, dimension, daysBetween(since, lastDay(until ?? null)), of),
    [groups, days, dimension, since, until, measure],
  );
  const known = shades ?? colours(shape.kept);
  const colour = (name: string) => (name === REST ? OTHER : (known.get(name) ?? OTHER));
  const title = (name: string) => (name === REST ? "others" : name || nameless(dimension));
  const toCalls = (from: string, to: string, name: string) =>
    void (name === REST
      ? navigate({ to: "/usage", search: { ...narrowed, since: from, until: nextDay(to), by: dimension } })
      : navigate({
          to: "/logs",
          search: {
            ...narrowed,
            since: from,
            until: nextDay(to),
            [dimension]: dimension === "tag" ? name : [name],
          },
        }));
  return (
    <div className="column">
      <Stacked
        label={`${measure === "spend" ? "Spend" : "Calls"} a day`}
        columns={shape.columns.map((each) => ({ ...each, label: day(each.id) }))}
        colour={colour}
        axis={measure === "spend" ? about : compact}
        share={share ?? false}
        {...(marks ? { marks } : {})}
        onPick={(column, part) => toCalls(column.id, column.id, part)}
        tip={(column, part) => (
          <>
            <div className="dim">{dayInFull(column.id)}, {ledgerZone()}</div>
            {[...column.parts].reverse().filter((each) => each.name !== REST || each.value > 0).map((each) => {
              const found = shape.groups.get(`${column.id} ${each.name}`);
              return (
                <div key={each.name} className={part === each.name ? "line chosen" : "line"}>
                  <i style={{ background: colour(each.name) }} />
                  <span className="cut">
                    {part === each.name && <span className="hidden-label">chosen: </span>}
                    {title(each.name)}
                  </span>
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
            {marks?.has(column.id) && <div className="mark">{marks.get(column.id)}</div>}
          </>
        )}
      />
      <div className="row wrap chart-foot">
        <div className="grow">
          <Legend
            names={shape.names.map((name) => ({ name, title: title(name) }))}
            colour={colour}
            onPick={(name) => toCalls(since, lastDay(until ?? null), name)}
          />
        </div>
        <span className="dim">
          days in {ledgerZone()}
          {other && `; before ${day(other)} in another zone`}
        </span>
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

/** The last day before an end that is not included; today without one. */
function lastDay(until: string | null): string {
  return until ? dayBefore(until) : ledgerDay();
}
