import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ban, Check, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { useSession } from "../../app/session";
import { api, type Team } from "../../client/api";
import { Bones, Button, Drawer, ErrorBox, Modal, Tag } from "../../shared/kit";
import { BudgetStanding, LimitStanding } from "../budgets/Standing";
import { TeamForm } from "./TeamForm";

export function TeamDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { data, error, refetch } = api.useQuery("get", "/api/teams/{team_id}", { params: { path: { team_id: id } } });
  return (
    <Drawer title={data?.name || id} onClose={onClose}>
      {error ? (
        <ErrorBox error={error} retry={() => void refetch()} />
      ) : data ? (
        <Detail item={data} onClose={onClose} />
      ) : (
        <Bones />
      )}
    </Drawer>
  );
}

function Detail({ item, onClose }: { item: Team; onClose: () => void }) {
  const { mayChange } = useSession();
  const queries = useQueryClient();
  const [asking, setAsking] = useState<"edit" | "delete" | null>(null);
  const keys = api.useQuery("get", "/api/keys", { params: { query: { team: item.id, limit: 200 } } });
  const changed = () =>
    Promise.all(
      (["/api/teams", "/api/teams/{team_id}"] as const).map((path) =>
        queries.invalidateQueries({ queryKey: ["get", path] }),
      ),
    );
  const path = { params: { path: { team_id: item.id } } };
  const block = api.useMutation("post", "/api/teams/{team_id}/block", { onSuccess: changed });
  const unblock = api.useMutation("post", "/api/teams/{team_id}/unblock", { onSuccess: changed });
  const remove = api.useMutation("delete", "/api/teams/{team_id}", {
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ["get", "/api/teams"] });
    },
  });
  return (
    <div className="column spaced">
      <div className="row wrap">
        <Tag tone={item.blocked ? "bad" : "good"}>{item.blocked ? "blocked" : "active"}</Tag>
        <span className="mono dim">{item.id}</span>
        <span className="grow" />
        {mayChange && (
          <>
            <Button small onClick={() => setAsking("edit")}>
              <Pencil size={13} aria-hidden /> Edit
            </Button>
            {item.blocked ? (
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
        <h3>Keys</h3>
        <div className="row wrap">
          {keys.data?.data.map((each) => (
            <Link key={each.id} to="/keys" search={{ key: each.id }} className="tag">
              {each.name || each.id}
            </Link>
          ))}
          {keys.data?.data.length === 0 && <span className="dim">None yet.</span>}
        </div>
      </section>
      <dl className="facts">
        <dt>Members</dt>
        <dd>{item.members.join(", ") || "nobody"}</dd>
        <dt>Models</dt>
        <dd>{item.models.length ? item.models.join(", ") : "every model"}</dd>
        <dt>Spend</dt>
        <dd>
          <Link to="/usage" search={{ team: [item.id], by: "key,served_model" }} className="link">
            by key and model
          </Link>
        </dd>
        <dt>Changes</dt>
        <dd>
          <Link to="/audit" search={{ kind: "team", id: item.id }} className="link">
            {item.version} in the audit log
          </Link>
        </dd>
      </dl>
      {asking === "edit" && <TeamForm before={item} onClose={() => setAsking(null)} />}
      {asking === "delete" && (
        <Modal title={`Delete ${item.name || item.id}?`} onClose={() => setAsking(null)}>
          <div className="body">
            <p className="soft">It must have no key any more. Its calls stay in the ledger.</p>
          </div>
          <footer>
            <Button onClick={() => setAsking(null)}>Cancel</Button>
            <Button kind="primary" danger busy={remove.isPending} onClick={() => remove.mutate(path)}>
              Delete
            </Button>
          </footer>
        </Modal>
      )}
    </div>
  );
}
