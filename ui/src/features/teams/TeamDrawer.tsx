import { Link } from "@tanstack/react-router";
import type { Team } from "../../client/api";
import { HolderDrawer } from "../holders/HolderDrawer";
import { KeysOf } from "../holders/KeysOf";
import { TeamForm } from "./TeamForm";

export function TeamDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  return (
    <HolderDrawer
      noun="team"
      id={id}
      onClose={onClose}
      form={(item, close) => <TeamForm before={item} onClose={close} />}
      parting="It must have no key any more. Its calls stay in the ledger."
      sections={(item) => (
        <>
          <Members item={item} />
          <KeysOf noun="team" id={item.id} />
        </>
      )}
      facts={(item) =>
        item.tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd>{item.tags.join(", ")}</dd>
          </>
        )
      }
    />
  );
}

function Members({ item }: { item: Team }) {
  return (
    <section className="column">
      <h3>Members</h3>
      <div className="row wrap">
        {item.members.map((each) => (
          <Link key={each} to="/users" search={{ user: each }} className="tag">
            <span className="cut">{each}</span>
          </Link>
        ))}
        {item.members.length === 0 && <span className="dim">Nobody.</span>}
      </div>
    </section>
  );
}
