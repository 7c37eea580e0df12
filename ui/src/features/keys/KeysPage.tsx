import { getRouteApi, Link } from "@tanstack/react-router";
import { KeyRound, Plus, X } from "lucide-react";
import { useState } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import type { Key, KeyIssued } from "../../client/api";
import { Bones, Button, Empty, ErrorBox, Find, Tag } from "../../shared/kit";
import { date } from "../../shared/time";
import { TightestBudget } from "../budgets/Tightest";
import { useHolders } from "../holders/holders";
import { More } from "../holders/More";
import { KeyDrawer, SecretModal } from "./KeyDrawer";
import { KeyForm } from "./KeyForm";

const route = getRouteApi("/keys");

export function KeysPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const [issued, setIssued] = useState<KeyIssued | null>(null);
  const { q = "", team, user } = search;
  const keys = useHolders("key", search);
  const { rows } = keys;
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <Top title="Keys">
        <Find
          label="Find a key"
          placeholder="Name, id or tag…"
          value={q}
          onChange={(event) => set({ q: event.target.value || undefined })}
        />
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
            <Plus size={14} aria-hidden /> New key
          </Button>
        )}
        <Refresh busy={keys.isFetching} onClick={() => void keys.refetch()} />
      </Top>
      <main className="content">
        {(team || user) && (
          <div className="row wrap">
            {team && <Narrowed name="Team" value={team} onClear={() => set({ team: undefined })} />}
            {user && <Narrowed name="Owner" value={user} onClear={() => set({ user: undefined })} />}
          </div>
        )}
        {keys.error && <ErrorBox error={keys.error} retry={() => void keys.refetch()} />}
        {!keys.data ? (
          !keys.error && <Bones rows={8} />
        ) : rows.length === 0 && !q && !team && !user ? (
          <div className="card">
            <Empty icon={<KeyRound size={26} aria-hidden />} title="No keys yet">
              <p>Give each application a key of its own: its calls, its budget and its limits are then told apart.</p>
              {mayChange && (
                <Button kind="primary" onClick={() => set({ add: "1" })}>
                  Make the first key
                </Button>
              )}
            </Empty>
          </div>
        ) : (
          <section className="card">
            <div className="table-wrap">
              <table className="table">
                <thead>
                  <tr>
                    <th>Name</th>
                    <th>Key</th>
                    <th>Team</th>
                    <th>Owner</th>
                    <th>Models</th>
                    <th>Tightest budget</th>
                    <th>State</th>
                    <th>Made</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((each) => (
                    <KeyRow key={each.id} item={each} chosen={each.id === search.key} onOpen={() => set({ key: each.id })} />
                  ))}
                </tbody>
              </table>
            </div>
            {rows.length === 0 && <Empty title={q ? "No key is called that" : "No key here yet"} />}
            <More of="keys" list={keys} />
          </section>
        )}
      </main>
      {search.add && mayChange && (
        <KeyForm
          whose={{ team, user }}
          onClose={() => set({ add: undefined })}
          onIssued={(made) => {
            set({ add: undefined });
            setIssued(made);
          }}
        />
      )}
      {search.key && (
        <KeyDrawer key={search.key} id={search.key} onClose={() => set({ key: undefined })} onIssued={setIssued} />
      )}
      {issued && <SecretModal issued={issued} onClose={() => setIssued(null)} />}
    </>
  );
}

function Narrowed({ name, value, onClear }: { name: string; value: string; onClear: () => void }) {
  return (
    <span className="tag accent">
      <span className="cut">
        {name} {value}
      </span>
      <button type="button" aria-label={`Without ${name} ${value}`} onClick={onClear}>
        <X size={11} />
      </button>
    </span>
  );
}

function KeyRow({ item, chosen, onOpen }: { item: Key; chosen: boolean; onOpen: () => void }) {
  return (
    <tr className={chosen ? "pick picked" : "pick"} onClick={onOpen}>
      <td>
        <button type="button" className="quiet-link cut" onClick={onOpen}>
          <b>{item.name || item.id}</b>
        </button>
        {item.role !== "none" && (
          <>
            {" "}
            <Tag tone="accent">{item.role}</Tag>
          </>
        )}
      </td>
      <td className="mono dim nowrap">{item.shown}</td>
      <td>
        {item.team && (
          <Link
            to="/teams"
            search={{ team: item.team }}
            className="quiet-link"
            onClick={(event) => event.stopPropagation()}
          >
            {item.team}
          </Link>
        )}
      </td>
      <td>
        {item.user && (
          <Link
            to="/users"
            search={{ user: item.user }}
            className="quiet-link"
            onClick={(event) => event.stopPropagation()}
          >
            {item.user}
          </Link>
        )}
      </td>
      <td className="dim cut">{item.models.length ? item.models.join(", ") : "every model"}</td>
      <td>
        <TightestBudget budgets={item.budgets} />
      </td>
      <td>
        <Tag tone={item.state === "active" ? "good" : "bad"}>{item.state}</Tag>
      </td>
      <td className="dim nowrap">{date(item.created_at)}</td>
    </tr>
  );
}
