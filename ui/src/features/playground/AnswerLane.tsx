import { Link } from "@tanstack/react-router";
import { LoaderCircle } from "lucide-react";
import { api } from "../../client/api";
import { Money } from "../../shared/figures";
import { Code, CopyButton, Tag } from "../../shared/kit";
import { duration } from "../../shared/numbers";
import { tokensIn, tokensOut, count } from "../../shared/numbers";
import { ReceiptView } from "../logs/Receipt";
import "../logs/logs.css";
import type { Answer } from "./stream";

/** One model's answer, with its receipt once the call is in the ledger. */
export function AnswerLane({ model, answer }: { model: string; answer: Answer }) {
  const { data } = api.useQuery(
    "get",
    "/api/calls/{call_id}",
    { params: { path: { call_id: answer.callId } } },
    {
      enabled: !answer.running && Boolean(answer.callId),
      retry: 12,
      retryDelay: 250, // the row is in the ledger a moment after its call has ended
    },
  );
  return (
    <section className="card lane" aria-label={`Answer of ${model}`}>
      <header>
        <h2 className="cut">{model}</h2>
        {answer.running && <LoaderCircle size={14} className="spin" aria-label="Under way" />}
        <span className="grow" />
        {answer.served && <Tag tone="accent">{answer.served}</Tag>}
        {answer.text && <CopyButton text={answer.text} label="Copy the answer" />}
      </header>
      <div className="body column">
        {answer.error && (
          <div className="problem" role="alert">
            {answer.error.message}
            {answer.error.code && <span className="mono"> ({answer.error.code})</span>}
          </div>
        )}
        {answer.thoughts && (
          <details>
            <summary className="dim">Reasoning</summary>
            <p className="said dim">{answer.thoughts}</p>
          </details>
        )}
        {answer.text && <p className="said">{answer.text}</p>}
        {answer.tools && <Code>{answer.tools}</Code>}
        <div className="row wrap dim number">
          {answer.firstByte !== null && <span>first byte {duration(answer.firstByte / 1000)}</span>}
          {answer.took !== null && <span>{duration(answer.took / 1000)}</span>}
          {data && (
            <span>
              {count(tokensIn(data.call.tokens))} in, {count(tokensOut(data.call.tokens))} out
            </span>
          )}
          {answer.finish && answer.finish !== "stop" && <Tag>{answer.finish}</Tag>}
          <span className="grow" />
          {data && (
            <b className="cost">
              <Money value={data.call.total} />
            </b>
          )}
        </div>
        {data?.receipt && <ReceiptView receipt={data.receipt} />}
        {answer.callId && !answer.running && (
          <Link to="/logs" search={{ call: answer.callId }} className="link mono">
            {answer.callId}
          </Link>
        )}
      </div>
    </section>
  );
}
