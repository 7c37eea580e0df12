import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ban, Check, Pencil, RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useSession } from "../../app/session";
import { api, gateway, type Key, type KeyIssued } from "../../client/api";
import { Money, Time } from "../../shared/figures";
import { Bones, Button, CopyButton, Drawer, ErrorBox, Field, Modal, Note, Select, Tag } from "../../shared/kit";
import { calls } from "../../shared/numbers";
import { notify } from "../../shared/toasts";
import { BudgetStanding, LimitStanding } from "../budgets/Standing";
import { KeyForm } from "./KeyForm";

export function KeyDrawer({
  id,
  onClose,
  onIssued,
}: {
  id: string;
  onClose: () => void;
  onIssued: (issued: KeyIssued) => void;
}) {
  const { data, error, refetch } = api.useQuery(
    "get",
    "/api/keys/{key_id}",
    { params: { path: { key_id: id } } },
    { refetchInterval: 5000 },
  );
  return (
    <Drawer title={data?.name || id} onClose={onClose}>
      {error ? (
        <ErrorBox error={error} retry={() => void refetch()} />
      ) : data ? (
        <Detail item={data} onClose={onClose} onIssued={onIssued} />
      ) : (
        <Bones />
      )}
    </Drawer>
  );
}

function Detail({
  item,
  onClose,
  onIssued,
}: {
  item: Key;
  onClose: () => void;
  onIssued: (issued: KeyIssued) => void;
}) {
  const { mayChange } = useSession();
  const [asking, setAsking] = useState<"edit" | "rotate" | "delete" | null>(null);
  const spend = api.useQuery("get", "/api/spend", {
    params: { query: { key: [item.id], by: "served_model", since: "29d", limit: 8 } },
  });
  const queries = useQueryClient();
  const changed = () =>
    Promise.all(
      (["/api/keys", "/api/keys/{key_id}"] as const).map((path) => queries.invalidateQueries({ queryKey: ["get", path] })),
    );
  const path = { params: { path: { key_id: item.id } } };
  const block = api.useMutation("post", "/api/keys/{key_id}/block", { onSuccess: changed });
  const unblock = api.useMutation("post", "/api/keys/{key_id}/unblock", { onSuccess: changed });
  return (
    <div className="column spaced">
      <div className="row wrap">
        <Tag tone={item.state === "active" ? "good" : "bad"}>{item.state}</Tag>
        <span className="mono dim">{item.shown}</span>
        <span className="grow" />
        {mayChange && (
          <>
            <Button small onClick={() => setAsking("edit")}>
              <Pencil size={13} aria-hidden /> Edit
            </Button>
            <Button small onClick={() => setAsking("rotate")}>
              <RotateCw size={13} aria-hidden /> Rotate
            </Button>
            {item.state === "blocked" ? (
              <Button small busy={unblock.isPending} onClick={() => unblock.mutate(path)}>
                <Check size={13} aria-hidden /> Unblock
              </Button>
            ) : (
              <Button small busy={block.isPending} onClick={() => block.mutate(path)}>
                <Ban size={13} aria-hidden /> Block
              </Button>
            )}
            <Button small danger onClick={() => setAsking("delete")}>
              <Trash2 size={13} aria-hidden /> Delete
            </Button>
          </>
        )}
      </div>
      {item.budgets.length > 0 && (
        <section className="column">
          <h3>Budgets</h3>
          {item.budgets.map((each) => (
            <BudgetStanding key={each.id} budget={each} wide />
          ))}
        </section>
      )}
      {item.limits.length > 0 && (
        <section className="column">
          <h3>Rate limits</h3>
          {item.limits.map((each) => (
            <LimitStanding key={each.id} limit={each} />
          ))}
        </section>
      )}
      <section className="column">
        <div className="row">
          <h3 className="grow">Spend, last 30 days</h3>
          <Link to="/logs" search={{ key: [item.id] }} className="link">
            Its calls
          </Link>
        </div>
        {spend.data && (
          <div className="card">
            <table className="table">
              <tbody>
                {spend.data.data.map((each) => (
                  <tr key={each.group["served_model"]}>
                    <td className="cut">
                      <Link to="/logs" search={{ key: [item.id], served_model: [each.group["served_model"] ?? ""] }} className="quiet-link">
                        {each.group["served_model"] || "none answered"}
                      </Link>
                    </td>
                    <td className="end dim">{calls(each.calls)}</td>
                    <td className="end">
                      <Money value={each.spend} minimum={each.minimum} />
                    </td>
                  </tr>
                ))}
                <tr>
                  <td>
                    <b>Total</b>
                  </td>
                  <td className="end dim">{calls(spend.data.total.calls)}</td>
                  <td className="end">
                    <b>
                      <Money value={spend.data.total.spend} minimum={spend.data.total.minimum} />
                    </b>
                  </td>
                </tr>
              </tbody>
            </table>
          </div>
        )}
      </section>
      <dl className="facts">
        <dt>Id</dt>
        <dd className="row">
          <span className="mono">{item.id}</span> <CopyButton text={item.id} />
        </dd>
        <dt>Team</dt>
        <dd>{item.team ?? "none"}</dd>
        <dt>Owner</dt>
        <dd>{item.user ?? "nobody"}</dd>
        <dt>Models</dt>
        <dd>{item.models.length ? item.models.join(", ") : "every model"}</dd>
        <dt>Here it may</dt>
        <dd>{{ none: "see its own calls", viewer: "see everything", admin: "change everything" }[item.role]}</dd>
        <dt>Expires</dt>
        <dd>{item.expires_at ? <Time at={item.expires_at} whole /> : "never"}</dd>
        {item.previous_until && (
          <>
            <dt>Secret before</dt>
            <dd>
              good until <Time at={item.previous_until} whole />
            </dd>
          </>
        )}
        {item.tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd>{item.tags.join(", ")}</dd>
          </>
        )}
        <dt>Made</dt>
        <dd>
          <Time at={item.created_at} whole />
        </dd>
        <dt>Changes</dt>
        <dd>
          <Link to="/audit" search={{ kind: "key", id: item.id }} className="link">
            {item.version} in the audit log
          </Link>
        </dd>
      </dl>
      {asking === "edit" && <KeyForm before={item} onClose={() => setAsking(null)} onIssued={onIssued} />}
      {asking === "rotate" && (
        <Rotate
          item={item}
          onClose={() => setAsking(null)}
          onIssued={(made) => {
            setAsking(null);
            void changed();
            onIssued(made);
          }}
        />
      )}
      {asking === "delete" && (
        <Remove
          item={item}
          onClose={() => setAsking(null)}
          onGone={() => {
            void queries.invalidateQueries({ queryKey: ["get", "/api/keys"] });
            onClose();
          }}
        />
      )}
    </div>
  );
}

function Rotate({ item, onClose, onIssued }: { item: Key; onClose: () => void; onIssued: (issued: KeyIssued) => void }) {
  const [overlap, setOverlap] = useState("24h");
  const rotate = api.useMutation("post", "/api/keys/{key_id}/rotate", { onSuccess: onIssued });
  return (
    <Modal title={`Rotate ${item.name || item.id}`} onClose={onClose}>
      <div className="body column">
        <p className="soft">The key gets a new secret. Name, budgets and what was spent stay.</p>
        <Field label="The secret before stays good for">
          {(id) => (
            <Select
              id={id}
              value={overlap}
              options={[
                { value: "0", label: "not a moment" },
                { value: "1h", label: "an hour" },
                { value: "24h", label: "a day" },
                { value: "7d", label: "a week" },
              ]}
              onChange={(event) => setOverlap(event.target.value)}
            />
          )}
        </Field>
      </div>
      <footer>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="primary"
          busy={rotate.isPending}
          onClick={() => rotate.mutate({ params: { path: { key_id: item.id } }, body: { overlap: overlap === "0" ? 0 : overlap } })}
        >
          Rotate
        </Button>
      </footer>
    </Modal>
  );
}

function Remove({ item, onClose, onGone }: { item: Key; onClose: () => void; onGone: () => void }) {
  const remove = api.useMutation("delete", "/api/keys/{key_id}", {
    onSuccess: () => {
      notify(`${item.name || item.id} is deleted`);
      onGone();
    },
  });
  return (
    <Modal title={`Delete ${item.name || item.id}?`} onClose={onClose}>
      <div className="body">
        <p className="soft">
          Whoever uses it is refused from now on. Its calls stay in the ledger. To refuse it for a while only, block it
          instead.
        </p>
      </div>
      <footer>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="primary"
          danger
          busy={remove.isPending}
          onClick={() => remove.mutate({ params: { path: { key_id: item.id } } })}
        >
          Delete
        </Button>
      </footer>
    </Modal>
  );
}

/** The only time a secret is shown. */
export function SecretModal({ issued, onClose }: { issued: KeyIssued; onClose: () => void }) {
  const shell = `export OPENAI_BASE_URL=${gateway}/v1 OPENAI_API_KEY=${issued.secret}`;
  return (
    <Modal title={issued.key.name || issued.key.id} onClose={onClose}>
      <div className="body column">
        <Note tone="warn">Copy the secret now: it is kept only as a hash and never shown again.</Note>
        <div className="secret">
          <span className="grow" data-testid="secret">
            {issued.secret}
          </span>
          <CopyButton text={issued.secret} label="Copy the secret" />
        </div>
        <div className="field">
          <span className="label">For any OpenAI client</span>
          <div className="secret">
            <span className="grow">{shell}</span>
            <CopyButton text={shell} />
          </div>
        </div>
      </div>
      <footer>
        <Button kind="primary" onClick={onClose}>
          I have copied it
        </Button>
      </footer>
    </Modal>
  );
}
