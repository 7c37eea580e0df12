import { Link } from "@tanstack/react-router";
import type { SpendGroup, Sums } from "../../client/api";
import { Money } from "../../shared/figures";
import { size } from "../../shared/money";
import { calls } from "../../shared/numbers";
import { nameless } from "../usage/dimensions";

/** The dearest of something, each with its share. */
export function Shares({
  title,
  groups,
  dimension,
  days,
  total,
}: {
  title: string;
  groups: readonly SpendGroup[];
  dimension: "key" | "team" | "served_model";
  days: number;
  total: Sums;
}) {
  const whole = size(total.spend) || 1;
  return (
    <section className="card">
      <header>
        <h2 className="grow">{title}</h2>
        <Link to="/usage" search={{ days: String(days), by: dimension }} className="link">
          All
        </Link>
      </header>
      <ul className="shares">
        {groups.map((each) => {
          const name = each.group[dimension] ?? "";
          return (
            <li key={name}>
              <Link
                to="/usage"
                search={
                  name
                    ? { days: String(days), by: dimension === "served_model" ? "key" : "served_model", [dimension]: [name] }
                    : { days: String(days), by: dimension }
                }
                title={`${name || nameless(dimension)}: ${calls(each.calls)}`}
              >
                <span className="back" style={{ width: `calc(${(size(each.spend) / whole) * 100}% - 12px)` }} />
                <span className={name ? "cut grow" : "cut grow soft"}>{name || nameless(dimension)}</span>
                <span>
                  <Money value={each.spend} minimum={each.minimum} />
                </span>
              </Link>
            </li>
          );
        })}
        {groups.length === 0 && <li className="empty">Nothing in these days.</li>}
      </ul>
    </section>
  );
}
