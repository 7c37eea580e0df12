import { Link } from "@tanstack/react-router";
import { Ban, Check, Pencil, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useSession } from "../../app/session";
import { api } from "../../client/api";
import { Money, Time } from "../../shared/figures";
import { DeleteModal } from "../../shared/forms";
import { Bones, Button, CopyButton, Drawer, ErrorBox, Tag } from "../../shared/kit";
import { calls } from "../../shared/numbers";
import { notify } from "../../shared/toasts";
import { Allowances } from "../budgets/Allowances";
import { type Holders, type Noun, stateOf, useHolder } from "./holders";

interface Parts<N extends Noun> {
  noun: N;
  /** The form that changes it. */
  form: (item: Holders[N], close: () => void) => ReactNode;
  /** What can be done to it beside editing, blocking and deleting. */
  actions?: (item: Holders[N]) => ReactNode;
  /** What deleting it means. */
  parting: string;
  /** Sections after its budgets, limits and spend. */
  sections?: (item: Holders[N]) => ReactNode;
  /** `dt` and `dd` of what is only of its kind. */
  facts: (item: Holders[N]) => ReactNode;
}

/** A key, a team or a user: what it may, what it spent, and all that can be done to it. */
export function HolderDrawer<N extends Noun>({
  id,
  onClose,
  ...parts
}: Parts<N> & { id: string; onClose: () => void }) {
  const { found, block, remove } = useHolder(parts.noun, id);
  const { data, error, refetch } = found;
  const [asking, setAsking] = useState<"edit" | "delete" | null>(null);
  const stop = () => setAsking(null);
  const title = data?.name || id;
  return (
    <Drawer title={title} onClose={onClose}>
      {error && !data ? (
        <ErrorBox error={error} retry={() => void refetch()} />
      ) : data ? (
        <Detail
          {...parts}
          item={data}
          blocking={block.isPending}
          onBlock={(blocked) => block.mutate(blocked)}
          onAsk={setAsking}
        />
      ) : (
        <Bones />
      )}
      {data && asking === "edit" && parts.form(data, stop)}
      {asking === "delete" && (
        <DeleteModal
          name={title}
          busy={remove.isPending}
          error={remove.error}
          onDelete={() =>
            remove.mutate(undefined, {
              onSuccess: () => {
                notify(`${title} is deleted`);
                onClose();
              },
            })
          }
          onClose={() => {
            remove.reset();
            stop();
          }}
        >
          {parts.parting}
        </DeleteModal>
      )}
    </Drawer>
  );
}

function Detail<N extends Noun>({
  noun,
  item,
  actions,
  sections,
  facts,
  blocking,
  onBlock,
  onAsk,
}: Parts<N> & {
  item: Holders[N];
  blocking: boolean;
  onBlock: (blocked: boolean) => void;
  onAsk: (what: "edit" | "delete") => void;
}) {
  const { mayChange } = useSession();
  const state = stateOf(item);
  return (
    <div className="column spaced">
      <div className="row wrap">
        <Tag tone={state === "active" ? "good" : "bad"}>{state}</Tag>
        <span className="mono dim cut">{"shown" in item ? item.shown : item.id}</span>
        <span className="grow" />
        {mayChange && (
          <>
            <Button small onClick={() => onAsk("edit")}>
              <Pencil size={13} aria-hidden /> Edit
            </Button>
            {actions?.(item)}
            {state === "blocked" ? (
              <Button small busy={blocking} onClick={() => onBlock(false)}>
                <Check size={13} aria-hidden /> Unblock
              </Button>
            ) : (
              <Button small busy={blocking} onClick={() => onBlock(true)}>
                <Ban size={13} aria-hidden /> Block
              </Button>
            )}
            <Button small danger onClick={() => onAsk("delete")}>
              <Trash2 size={13} aria-hidden /> Delete
            </Button>
          </>
        )}
      </div>
      <Allowances scope={noun} holder={item} />
      <Spend noun={noun} id={item.id} />
      {sections?.(item)}
      <dl className="facts">
        <dt>Id</dt>
        <dd className="row">
          <span className="mono">{item.id}</span> <CopyButton text={item.id} label="Copy the id" />
        </dd>
        {facts(item)}
        <dt>Models</dt>
        <dd>{item.models.length ? item.models.join(", ") : "every model"}</dd>
        {Object.entries(item.metadata).map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
        <dt>Made</dt>
        <dd>
          <Time at={item.created_at} whole />
        </dd>
        <dt>Changes</dt>
        <dd>
          <Link to="/audit" search={{ kind: noun, id: item.id }} className="link">
            {item.version} in the audit log
          </Link>
        </dd>
      </dl>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: unknown }) {
  return (
    <>
      <dt className="cut" title={`${name} (metadata)`}>
        {name}
      </dt>
      <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
    </>
  );
}

/** What its calls cost of late, by the models that answered. */
function Spend({ noun, id }: { noun: Noun; id: string }) {
  const spend = api.useQuery("get", "/api/spend", {
    params: { query: { [noun]: [id], by: "served_model", since: "29d", limit: 8 } },
  });
  if (!spend.data) return spend.error && <ErrorBox error={spend.error} retry={() => void spend.refetch()} />;
  const { data: rows, total } = spend.data;
  return (
    <section className="column">
      <div className="row apart">
        <h3 className="grow">Spend, last 30 days</h3>
        {noun !== "key" && (
          <Link to="/usage" search={{ [noun]: [id], by: "key,served_model" }} className="link">
            By key
          </Link>
        )}
        <Link to="/logs" search={{ [noun]: [id] }} className="link">
          Calls
        </Link>
      </div>
      {rows.length === 0 ? (
        <p className="dim">No call in that time.</p>
      ) : (
        <div className="card table-wrap">
          <table className="table">
            <tbody>
              {rows.map((each) => (
                <tr key={each.group["served_model"]}>
                  <td className="cut fill">
                    <Link
                      to="/logs"
                      search={{ [noun]: [id], served_model: [each.group["served_model"] ?? ""] }}
                      className="quiet-link"
                    >
                      {each.group["served_model"] || "none answered"}
                    </Link>
                  </td>
                  <td className="end dim nowrap">{calls(each.calls)}</td>
                  <td className="end">
                    <Money value={each.spend} minimum={each.minimum} />
                  </td>
                </tr>
              ))}
              <tr>
                <td className="fill">
                  <b>Total</b>
                </td>
                <td className="end dim">{calls(total.calls)}</td>
                <td className="end">
                  <b>
                    <Money value={total.spend} minimum={total.minimum} />
                  </b>
                </td>
              </tr>
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
