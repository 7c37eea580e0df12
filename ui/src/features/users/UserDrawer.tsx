import { Link } from "@tanstack/react-router";
import { api, type User } from "../../client/api";
import { ErrorBox } from "../../shared/kit";
import { HolderDrawer } from "../holders/HolderDrawer";
import { KeysOf } from "../holders/KeysOf";
import { UserForm } from "./UserForm";

export function UserDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  return (
    <HolderDrawer
      noun="user"
      id={id}
      onClose={onClose}
      form={(item, close) => <UserForm before={item} onClose={close} />}
      parting="They must own no key any more. They leave every team, and calls of their keys stay in the ledger."
      sections={(item) => (
        <>
          <Teams item={item} />
          <KeysOf noun="user" id={item.id} />
        </>
      )}
      facts={(item) => (
        <>
          <dt>E-mail</dt>
          <dd>
            {item.email ? (
              <a href={`mailto:${encodeURIComponent(item.email)}`} className="link">
                {item.email}
              </a>
            ) : (
              "not known"
            )}
          </dd>
        </>
      )}
    />
  );
}

function Teams({ item }: { item: User }) {
  const teams = api.useQuery("get", "/api/teams", { params: { query: { member: item.id, limit: 1000 } } });
  return (
    <section className="column">
      <h3>Teams</h3>
      {teams.error && <ErrorBox error={teams.error} retry={() => void teams.refetch()} />}
      <div className="row wrap">
        {teams.data?.data.map((each) => (
          <Link key={each.id} to="/teams" search={{ team: each.id }} className="tag">
            <span className="cut">{each.name || each.id}</span>
          </Link>
        ))}
        {teams.data?.data.length === 0 && <span className="dim">None.</span>}
      </div>
    </section>
  );
}
