import { Link } from "@tanstack/react-router";
import { useSession } from "../../app/session";
import { api } from "../../client/api";
import { ErrorBox } from "../../shared/kit";

const MOST = 200;

/** The keys of a team or user, each with what it may do here. */
export function KeysOf({ noun, id }: { noun: "team" | "user"; id: string }) {
  const { mayChange } = useSession();
  const keys = api.useQuery("get", "/api/keys", { params: { query: { [noun]: id, limit: MOST } } });
  return (
    <section className="column">
      <div className="row apart">
        <h3 className="grow">Keys</h3>
        {mayChange && (
          <Link to="/keys" search={{ [noun]: id, add: "1" }} className="link">
            New key
          </Link>
        )}
        <Link to="/keys" search={{ [noun]: id }} className="link">
          All of them
        </Link>
      </div>
      {keys.error && <ErrorBox error={keys.error} retry={() => void keys.refetch()} />}
      <div className="row wrap">
        {keys.data?.data.map((each) => (
          <Link key={each.id} to="/keys" search={{ key: each.id }} className={each.state === "active" ? "tag" : "tag bad"}>
            <span className="cut">
              {each.name || each.id}
              {each.role !== "none" && ` · ${each.role}`}
              {each.state !== "active" && ` · ${each.state}`}
            </span>
          </Link>
        ))}
        {keys.data?.data.length === 0 && <span className="dim">None yet.</span>}
        {keys.data?.next && <span className="dim">and more</span>}
      </div>
    </section>
  );
}
