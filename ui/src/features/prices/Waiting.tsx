import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleDollarSign } from "lucide-react";
import { useState } from "react";
import { useSession } from "../../app/session";
import { api, client } from "../../client/api";
import { Button } from "../../shared/kit";
import { calls, count } from "../../shared/numbers";
import { notify, notifyProblem } from "../../shared/toasts";

/** Models that answered and have no price: their calls' cost is not known. */
export function Waiting({ onAdd }: { onAdd: (model: string) => void }) {
  const queries = useQueryClient();
  const { mayChange } = useSession();
  const [busy, setBusy] = useState(false);
  const { data } = api.useQuery("get", "/api/unpriced", { params: { query: { limit: 50 } } });
  if (!data?.data.length) return null;
  async function lookAgain() {
    setBusy(true);
    try {
      let filled = 0;
      let waiting = 0;
      let cursor: string | undefined;
      do {
        const found = await client.POST("/api/unpriced/fill", { params: { query: { cursor } } });
        if (found.error) throw found.error;
        filled += found.data.filled;
        waiting += found.data.waiting;
        cursor = found.data.next ?? undefined;
      } while (cursor);
      notify(`${calls(filled)} found their price; ${count(waiting)} still wait`);
      await queries.invalidateQueries();
    } catch (error) {
      notifyProblem(error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <section className="card waiting">
      <header>
        <CircleDollarSign size={15} aria-hidden />
        <h2 className="grow">Served without a price</h2>
        {mayChange && (
          <Button small busy={busy} onClick={() => void lookAgain()}>
            Look in the book again
          </Button>
        )}
      </header>
      <p className="body dim">
        What these calls cost is not known, so every sum they are in is a minimum. A price from the beginning of time
        prices them at once, and each receipt keeps what was known before.
      </p>
      <ul>
        {[...new Set(data.data.map((each) => each.served_model))].map((model) => (
          <li key={model}>
            <b className="cut">{model || "unnamed"}</b>
            <span className="row wrap grow">
              {data.data
                .filter((each) => each.served_model === model)
                .map((each) => (
                  <Link
                    key={`${each.provider} ${each.deployment}`}
                    to="/logs"
                    search={{ served_model: [model], deployment: [each.deployment], status: ["unpriced"] }}
                    className="link"
                  >
                    {calls(each.calls)} <span className="dim">through {each.deployment}</span>
                  </Link>
                ))}
            </span>
            {mayChange && (
              <Button small onClick={() => onAdd(model)}>
                Add its price
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
