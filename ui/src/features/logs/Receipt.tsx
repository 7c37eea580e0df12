import { Link } from "@tanstack/react-router";
import { ChevronRight, ExternalLink } from "lucide-react";
import type { Charge, Line, Receipt } from "../../client/api";
import { Money } from "../../shared/figures";
import { Note, Tag } from "../../shared/kit";
import { exact } from "../../shared/money";
import { count } from "../../shared/numbers";
import { date } from "../../shared/time";
import { worthTone } from "./words";

/** A receipt: each line with its price row, its source and its date. */
export function ReceiptView({ receipt }: { receipt: Receipt }) {
  const several = receipt.charges.length > 1;
  // One fee has its own line above; of several the sum is worth a line.
  const feeLines = receipt.charges.flatMap((each) => each.lines).filter((each) => each.kind === "router_fee").length;
  return (
    <div className="receipt" data-testid="receipt">
      {receipt.charges.map((each, at) => (
        <ChargeView key={at} charge={each} several={several} />
      ))}
      {feeLines > 1 && receipt.router_fee !== null && (
        <div className="total small">
          <span>of it routing fees</span>
          <Money value={receipt.router_fee} />
        </div>
      )}
      <div className="total">
        <span className="row">
          Total
          {receipt.status !== "priced" && <Tag tone={worthTone(receipt.status)}>{receipt.status}</Tag>}
        </span>
        <Money value={receipt.total} />
      </div>
    </div>
  );
}

function ChargeView({ charge, several }: { charge: Charge; several: boolean }) {
  return (
    <div className="charge">
      <div className="row wrap">
        <b>{charge.served_model || "No model answered"}</b>
        <span className="dim">
          {charge.provider} · {charge.scope.replaceAll("_", " ")} · {charge.tier}
        </span>
        <span className="grow" />
        {several && <Money value={charge.total} />}
      </div>
      {charge.lines.map((each, at) => (
        <LineView key={at} line={each} charge={charge} />
      ))}
      {charge.reason && (
        <div className="price-row">
          <Note tone="warn">
            {charge.reason}{" "}
            {charge.status === "unpriced" && (
              <Link to="/prices" search={{ add: "1", model: charge.served_model }} className="link">
                Add a price
              </Link>
            )}
          </Note>
        </div>
      )}
    </div>
  );
}

function LineView({ line, charge }: { line: Line; charge: Charge }) {
  const { price } = line;
  return (
    <details>
      <summary>
        <ChevronRight size={12} aria-hidden />
        <span>{line.label}</span>
        <Money value={line.amount} />
        <span />
        <span className="sum">
          {count(line.quantity)} {line.quantity === 1 ? "token" : "tokens"} × {exact(line.usd_per_million)} / 1M
        </span>
      </summary>
      <div className="price-row">
        <dl className="facts">
          <dt>Price row</dt>
          <dd>
            {price ? (
              <Link to="/prices" search={{ price: line.price_id }} className="link mono">
                {line.price_id}
              </Link>
            ) : (
              <span className="mono">{line.price_id || `of deployment ${charge.deployment}`}</span>
            )}
          </dd>
          {price && (
            <>
              <dt>In force</dt>
              <dd>
                from {date(price.effective_from, "UTC")}
                {price.effective_to && ` to ${date(price.effective_to, "UTC")}`}
              </dd>
              <dt>Source</dt>
              <dd>
                <Source text={price.source} /> {price.source_meter && <span className="dim">· {price.source_meter}</span>}
              </dd>
              <dt>Seen</dt>
              <dd>
                {date(price.observed_at, "UTC")} <span className="dim">({price.confidence.replace("_", " ")})</span>
              </dd>
            </>
          )}
        </dl>
      </div>
    </details>
  );
}

/** Where a price is from; a link when it is an address. */
export function Source({ text }: { text: string }) {
  if (!/^https:\/\//.test(text) || !URL.canParse(text)) return <>{text || "not stated"}</>;
  return (
    <a href={text} target="_blank" rel="noreferrer noopener" className="link">
      {new URL(text).hostname} <ExternalLink size={11} aria-label="(opens elsewhere)" />
    </a>
  );
}
