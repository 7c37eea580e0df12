import { Link } from "@tanstack/react-router";
import { CheckCircle2, CircleX } from "lucide-react";
import type { TestResult } from "../../client/api";
import { Money } from "../../shared/figures";
import { duration } from "../../shared/numbers";
import { ReceiptView } from "../logs/Receipt";
import "../logs/logs.css";

/** What became of one real call: who answered and what it cost, or what is wrong and what to do. */
export function TestPanel({ result }: { result: TestResult }) {
  const { problem } = result;
  return (
    <section className={result.ok ? "tested good" : "tested bad"} role="status" aria-label="Test of the connection">
      <div className="row wrap">
        {result.ok ? <CheckCircle2 size={16} aria-hidden /> : <CircleX size={16} aria-hidden />}
        {result.ok ? (
          <b>
            {result.served_model} answered in {duration(result.seconds)}
          </b>
        ) : (
          <b>{problem?.explanation ?? "It did not answer"}</b>
        )}
        <span className="grow" />
        {result.receipt && <Money value={result.receipt.total} />}
      </div>
      {problem && (
        <>
          <p>{problem.fix}</p>
          <p className="mono said-by">
            {result.status} {problem.code}: {problem.provider_message || problem.message}
          </p>
        </>
      )}
      {result.receipt && <ReceiptView receipt={result.receipt} />}
      <p className="dim">
        Called <span className="mono">{result.url}</span>
        {result.call_id && (
          <>
            {" · "}
            <Link to="/logs" search={{ call: result.call_id }} className="link">
              in the log
            </Link>
          </>
        )}
      </p>
    </section>
  );
}
