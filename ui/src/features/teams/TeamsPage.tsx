import { getRouteApi } from "@tanstack/react-router";
import { Plus, Users } from "lucide-react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { Bones, Button, Empty, ErrorBox, Input, Tag } from "../../shared/kit";
import { TightestBudget } from "../budgets/Tightest";
import { useHolders } from "../holders/holders";
import { More } from "../holders/More";
import { useSpent } from "../holders/spent";
import { TeamDrawer } from "./TeamDrawer";
import { TeamForm } from "./TeamForm";

const route = getRouteApi("/teams");

export function TeamsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const teams = useHolders("team", { q: search.q });
  const { rows } = teams;
  const spent = useSpent("team");
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
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
            <Plus size={14} aria-hidden /> New team
          </Button>
        )}
        <Refresh busy={teams.isFetching} onClick={() => void teams.refetch()} />
      </Top>
      <main className="content">
        {teams.error && <ErrorBox error={teams.error} retry={() => void teams.refetch()} />}
        {!teams.data ? (
          !teams.error && <Bones />
        ) : (
          <section className="card">
            {rows.length === 0 ? (
              <Empty icon={<Users size={26} aria-hidden />} title={search.q ? "No team is called that" : "No teams yet"}>
                <p>A team's budget counts the calls of all its keys together.</p>
                {mayChange && !search.q && (
                  <Button kind="primary" onClick={() => set({ add: "1" })}>
                    Make the first team
                  </Button>
                )}
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
                    {rows.map((each) => (
                      <tr key={each.id} className={each.id === search.team ? "pick picked" : "pick"} onClick={() => set({ team: each.id })}>
                        <td>
                          <button type="button" className="quiet-link" onClick={() => set({ team: each.id })}>
                            <b>{each.name || each.id}</b>
                          </button>
                        </td>
                        <td className="end">{each.members.length}</td>
                        <td className="dim cut">{each.models.length ? each.models.join(", ") : "every model"}</td>
                        <td>
                          <TightestBudget budgets={each.budgets} />
                        </td>
                        <td className="end">{spent(each.id)}</td>
                        <td>
                          <Tag tone={each.blocked ? "bad" : "good"}>{each.blocked ? "blocked" : "active"}</Tag>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <More of="teams" list={teams} />
          </section>
        )}
      </main>
      {search.add && mayChange && <TeamForm onClose={() => set({ add: undefined })} />}
      {search.team && <TeamDrawer key={search.team} id={search.team} onClose={() => set({ team: undefined })} />}
    </>
  );
}
