import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Inbox, Search, SearchX } from "lucide-react";
import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Call } from "../../client/api";
import { Count, Money, Time } from "../../shared/figures";
import { Bones, Dot, Empty, Tag } from "../../shared/kit";
import { calls, duration, tokensIn, tokensOut } from "../../shared/numbers";
import { moment } from "../../shared/time";
import { outcomeTone, worthTone } from "./words";

const HEIGHT = 34;

/** The log: only the rows that can be seen are there. j and k move, Enter opens. */
export function CallTable({
  rows,
  loading,
  more,
  stopped,
  searchedTo,
  loadMore,
  chosen,
  onOpen,
  onPoint,
  narrowed,
}: {
  rows: readonly Call[];
  loading: boolean;
  more: boolean;
  /** Nothing more comes by itself: something went wrong. */
  stopped: boolean;
  /** How far back was looked, where it goes on without anybody asking. */
  searchedTo: string | null;
  loadMore: () => void;
  chosen: string | undefined;
  onOpen: (id: string) => void;
  /** The button went down on a call; it may be opened. */
  onPoint: (id: string) => void;
  narrowed: boolean;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(-1);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => HEIGHT,
    overscan: 6,
    getItemKey: (index) => rows[index]?.call_id ?? index,
  });
  const first = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    // Calls that come in above do not move what somebody reads, nor what the arrows are at.
    const above = rows.findIndex((each) => each.call_id === first.current);
    first.current = rows[0]?.call_id;
    if (above <= 0) return;
    setAt((before) => (before < 0 ? before : before + above));
    const box = scroller.current;
    if (box && box.scrollTop > 0) box.scrollTop += above * HEIGHT;
  }, [rows]);
  const seen = list.getVirtualItems();
  const lastSeen = seen.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && lastSeen >= rows.length - 20) loadMore();
  }, [more, lastSeen, rows.length, loadMore]);
  useEffect(() => {
    if (chosen) setAt(rows.findIndex((each) => each.call_id === chosen));
  }, [chosen, rows]);
  useEffect(() => {
    const pressed = (event: globalThis.KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.target instanceof HTMLElement && ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) return;
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (!step) return;
      event.preventDefault();
      const next = Math.max(0, Math.min(rows.length - 1, at + step));
      setAt(next);
      list.scrollToIndex(next, { align: "auto" });
      scroller.current?.focus({ preventScroll: true });
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [rows.length, at, list]);

  const inside = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      const next = Math.max(0, Math.min(rows.length - 1, at + step));
      setAt(next);
      list.scrollToIndex(next, { align: "auto" });
    } else if (event.key === "Enter" && rows[at]) onOpen(rows[at].call_id);
  };

  if (loading)
    return (
      <div className="pad">
        <Bones rows={16} />
      </div>
    );
  if (rows.length === 0 && more)
    return (
      <Empty icon={<Search size={26} aria-hidden />} title={stopped ? "Not looked to the end" : "Looking further back"}>
        <p>{searchedTo && <>None that fits since {moment(searchedTo)}.</>}</p>
      </Empty>
    );
  if (rows.length === 0)
    return narrowed ? (
      <Empty icon={<SearchX size={26} aria-hidden />} title="No call fits">
        <p>Take a filter away, or look at a longer time.</p>
      </Empty>
    ) : (
      <Empty icon={<Inbox size={26} aria-hidden />} title="No calls yet">
        <p>Every call through the gateway is listed here a moment after it has ended.</p>
        <Link to="/playground" className="button">
          Make one in the playground
        </Link>
      </Empty>
    );
  return (
    <div
      className="log"
      ref={scroller}
      tabIndex={0}
      role="grid"
      aria-label="Calls, newest first"
      aria-rowcount={more ? -1 : rows.length}
      aria-activedescendant={rows[at] ? `row-${rows[at].call_id}` : undefined}
      onKeyDown={inside}
    >
      <div className="log-row head" role="row">
        {HEADS.map(([title, kind]) => (
          <span key={title} role="columnheader" className={kind}>
            {title}
          </span>
        ))}
      </div>
      <div className="log-rows" role="rowgroup" style={{ height: list.getTotalSize() }}>
        {seen.map((each) => {
          const row = rows[each.index];
          if (!row) return null;
          return (
            <Row
              key={each.key}
              row={row}
              top={each.start}
              index={each.index}
              at={each.index === at}
              chosen={row.call_id === chosen}
              onOpen={onOpen}
              onPoint={onPoint}
            />
          );
        })}
      </div>
      <div className="log-end dim">
        {!more
          ? `${calls(rows.length)}; that is all.`
          : searchedTo
            ? `${calls(rows.length)} since ${moment(searchedTo)}${stopped ? "" : "; looking further back…"}`
            : !stopped && "Loading more…"}
      </div>
    </div>
  );
}

const HEADS = [
  ["Time", ""],
  ["Requested", ""],
  ["Served by", ""],
  ["Key", "wide"],
  ["Outcome", ""],
  ["In", "end wide"],
  ["Out", "end wide"],
  ["First byte", "end wider"],
  ["Latency", "end wide"],
  ["Cost", "end"],
] as const;

const Row = memo(function Row({
  row,
  top,
  index,
  at,
  chosen,
  onOpen,
  onPoint,
}: {
  row: Call;
  top: number;
  index: number;
  at: boolean;
  chosen: boolean;
  onOpen: (id: string) => void;
  /** The button went down on a call; it may be opened. */
  onPoint: (id: string) => void;
}) {
  const failed = row.outcome !== "completed";
  return (
    <div
      role="row"
      id={`row-${row.call_id}`}
      aria-rowindex={index + 1}
      aria-selected={chosen}
      className={`log-row${at ? " at" : ""}${chosen ? " chosen" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      onPointerDown={() => onPoint(row.call_id)}
      onClick={() => onOpen(row.call_id)}
    >
      <span role="gridcell" className="soft cut">
        <Time at={row.started} />
      </span>
      <span role="gridcell" className="cut" title={row.requested_model}>
        {row.requested_model}
      </span>
      <span role="gridcell" className={row.served_model ? "cut" : "cut dim"} title={row.served_model}>
        {row.served_model || "–"}
      </span>
      <span role="gridcell" className="cut soft wide" title={row.team ? `${row.key} · team ${row.team}` : row.key}>
        {row.key}
      </span>
      <span role="gridcell" className="row">
        {failed || row.status !== "priced" ? (
          <Tag tone={failed ? outcomeTone(row.outcome) : worthTone(row.status)} title={row.error || row.status}>
            {failed ? row.error || row.outcome : row.status}
          </Tag>
        ) : (
          <span className="row soft" title="completed, priced">
            <Dot tone="good" /> {row.http_status}
          </span>
        )}
        {row.fallbacks > 0 && <Tag title={`${row.attempts} attempts`}>↷{row.fallbacks}</Tag>}
      </span>
      <span role="gridcell" className="end wide soft">
        <Count value={tokensIn(row.tokens)} />
      </span>
      <span role="gridcell" className="end wide soft">
        <Count value={tokensOut(row.tokens)} />
      </span>
      <span role="gridcell" className="end wider soft number">
        {duration(row.first_byte_seconds)}
      </span>
      <span role="gridcell" className="end wide soft number">
        {duration(row.seconds)}
      </span>
      <span role="gridcell" className="end">
        {row.total === null && row.status !== "unpriced" && row.spend === "0" ? (
          <Money value={row.outcome === "completed" ? null : "0"} />
        ) : (
          <Money value={row.total ?? row.spend} minimum={row.total === null} />
        )}
      </span>
    </div>
  );
});
