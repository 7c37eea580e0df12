import { Link } from "@tanstack/react-router";
import { api } from "../../client/api";
import { Bones, ErrorBox } from "../../shared/kit";
import { count, duration } from "../../shared/numbers";
import { fromNow } from "../../shared/time";

/** How long the last calls took, by the model that served them. */
export function LatencyCard({ deployment, colour }: { deployment: string; colour: (model: string) => string }) {
  const { data, error, refetch } = api.useQuery("get", "/api/router/latency", { params: { query: { deployment } } });
  const rows = data?.data ?? [];
  const most = Math.max(...rows.map((each) => each.p95 ?? 0), 1e-9);
  const calls = rows.reduce((sum, each) => sum + each.calls, 0);
  const routing = rows.some((each) => each.routing_p50 !== null);
  const oldest = rows.map((each) => each.since ?? "").sort()[0];
  return (
    <section className="card">
      <header className="wrap">
        <h2 className="grow whole">Latency by served model</h2>
        {calls > 0 && oldest && (
          <span className="dim">
            {rows.every((each) => each.complete) ? "all" : "the last"} {count(calls)} completed calls, the first {fromNow(oldest)}
          </span>
        )}
      </header>
      {error && <ErrorBox error={error} retry={() => void refetch()} />}
      {!data && !error && (
        <div className="body">
          <Bones rows={4} />
        </div>
      )}
      {data && rows.length === 0 && <p className="body dim">No call was completed yet.</p>}
      {rows.length > 0 && (
        <div className="table-wrap">
          <table className="table latency">
            <thead>
              <tr>
                <th>Served by</th>
                <th className="end">Calls</th>
                <th className="span">Median to 95th percentile</th>
                <th className="end">p50</th>
                <th className="end">p95</th>
                <th className="end">First byte p50</th>
                <th className="end">p95</th>
                {routing && (
                  <th className="end" title="What Azure's router itself took, as its answers say">
                    Routing p50
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map((each) => (
                <tr key={each.served_model}>
                  <td>
                    <Link
                      to="/logs"
                      search={{ deployment: [deployment], served_model: [each.served_model], outcome: ["completed"] }}
                      className="quiet-link row"
                    >
                      <i className="swatch" style={{ background: colour(each.served_model) }} />
                      <span className="cut">{each.served_model || "unknown"}</span>
                    </Link>
                  </td>
                  <td className="end soft">{count(each.calls)}</td>
                  <td className="span">
                    <Span from={(each.p50 ?? 0) / most} to={(each.p95 ?? 0) / most} colour={colour(each.served_model)} />
                  </td>
                  <td className="end">{duration(each.p50)}</td>
                  <td className="end soft">{duration(each.p95)}</td>
                  <td className="end">{duration(each.first_byte_p50)}</td>
                  <td className="end soft">{duration(each.first_byte_p95)}</td>
                  {routing && <td className="end soft">{duration(each.routing_p50)}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Span({ from, to, colour }: { from: number; to: number; colour: string }) {
  return (
    <svg className="latency-span" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden>
      <rect x="0" y="4.5" width="100" height="1" fill="var(--line)" />
      <rect x={from * 100} y="3" width={Math.max((to - from) * 100, 0.6)} height="4" rx="1" fill={colour} opacity="0.45" />
      <rect x={Math.min(from * 100, 99)} y="1" width="1" height="8" fill={colour} />
    </svg>
  );
}
