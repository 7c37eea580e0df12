import { getRouteApi } from "@tanstack/react-router";
import { Plus, Users } from "lucide-react";
import { useDeferredValue } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { api } from "../../client/api";
import { Money } from "../../shared/figures";
import { Bar, Bones, Button, Empty, ErrorBox, Input, Tag } from "../../shared/kit";
import { size } from "../../shared/money";
import { windowName } from "../budgets/Standing";
import { TeamDrawer } from "./TeamDrawer";
import { TeamForm } from "./TeamForm";
import { UsersCard } from "./UsersCard";

const route = getRouteApi("/teams");

export function TeamsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const q = useDeferredValue(search.q ?? "");
  const teams = api.useQuery(
    "get",
    "/api/teams",
    { params: { query: { q, limit: 1000 } } },
    { placeholderData: (before) => before },
  );
  const spend = api.useQuery("get", "/api/spend", { params: { query: { by: "team", since: "29d", limit: 1000 } } });
  const spent = new Map(spend.data?.data.map((each) => [each.group["team"] ?? "", each]));
  const rows = teams.data?.data ?? [];
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <Top title="Teams">
        <Input
          small
          type="search"
          className="auto"
          data-shortcut="/"
          aria-label="Find a team"
          placeholder="Name or id…"
          value={search.q ?? ""}
          onChange={(event) => set({ q: event.target.value || undefined })}
        />
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "team" })}>
            <Plus size={14} aria-hidden /> New team
          </Button>
        )}
        <Refresh busy={teams.isFetching} onClick={() => void teams.refetch()} />
      </Top>
      <main className="content">
        {teams.error && <ErrorBox error={teams.error} retry={() => void teams.refetch()} />}
        {teams.isPending ? (
          <Bones />
        ) : (
          <section className="card">
            {rows.length === 0 ? (
              <Empty icon={<Users size={26} aria-hidden />} title={q ? "No team is called that" : "No teams yet"}>
                <p>A team's budget counts the calls of all its keys together.</p>
              </Empty>
            ) : (
              <div className="table-wrap">
                <table className="table">
                  <thead>
                    <tr>
                      <th>Team</th>
                      <th className="end">Members</th>
                      <th>Models</th>
                      <th>Tightest budget</th>
                      <th className="end">Last 30 days</th>
                      <th>State</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((each) => {
                      const tightest = [...each.budgets].sort(
                        (a, b) => (b.standing?.share ?? 0) - (a.standing?.share ?? 0),
                      )[0];
                      return (
                        <tr key={each.id} className={each.id === search.team ? "pick picked" : "pick"} onClick={() => set({ team: each.id })}>
                          <td>
                            <button type="button" className="quiet-link" onClick={() => set({ team: each.id })}>
                              <b>{each.name || each.id}</b>
                            </button>
                          </td>
                          <td className="end">{each.members.length}</td>
                          <td className="dim cut">{each.models.length ? each.models.join(", ") : "every model"}</td>
                          <td>
                            {tightest ? (
                              <div className="row">
                                <div className="meter">
                                  <Bar share={size(tightest.standing?.spent) / (size(tightest.limit) || 1)} />
                                </div>
                                <span className="number">
                                  <Money value={tightest.limit} /> <span className="dim">{windowName(tightest.window)}</span>
                                </span>
                              </div>
                            ) : (
                              <span className="dim">none</span>
                            )}
                          </td>
                          <td className="end">
                            <Money value={spent.get(each.id)?.spend ?? "0"} minimum={spent.get(each.id)?.minimum ?? false} />
                          </td>
                          <td>
                            <Tag tone={each.blocked ? "bad" : "good"}>{each.blocked ? "blocked" : "active"}</Tag>
                          </td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
            )}
          </section>
        )}
        <UsersCard adding={search.add === "user"} onAdding={(open) => set({ add: open ? "user" : undefined })} />
      </main>
      {search.add === "team" && <TeamForm onClose={() => set({ add: undefined })} />}
      {search.team && <TeamDrawer key={search.team} id={search.team} onClose={() => set({ team: undefined })} />}
    </>
  );
}
