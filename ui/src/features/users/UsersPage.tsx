import { getRouteApi, Link } from "@tanstack/react-router";
import { Plus, UserRound } from "lucide-react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { Bones, Button, Empty, ErrorBox, Input, Tag } from "../../shared/kit";
import { TightestBudget } from "../budgets/Tightest";
import { useHolders } from "../holders/holders";
import { More } from "../holders/More";
import { useSpent } from "../holders/spent";
import { UserDrawer } from "./UserDrawer";
import { UserForm } from "./UserForm";

const route = getRouteApi("/users");

/** People, and programs, that own keys. */
export function UsersPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const users = useHolders("user", { q: search.q });
  const { rows } = users;
  const spent = useSpent("user");
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <Top title="Users">
        <Input
          small
          type="search"
          className="auto"
          data-shortcut="/"
          aria-label="Find a user"
          placeholder="Name, e-mail or id…"
          value={search.q ?? ""}
          onChange={(event) => set({ q: event.target.value || undefined })}
        />
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={() => set({ add: "1" })}>
            <Plus size={14} aria-hidden /> New user
          </Button>
        )}
        <Refresh busy={users.isFetching} onClick={() => void users.refetch()} />
      </Top>
      <main className="content">
        {users.error && <ErrorBox error={users.error} retry={() => void users.refetch()} />}
        {!users.data ? (
          !users.error && <Bones />
        ) : (
          <section className="card">
            {rows.length === 0 ? (
              <Empty icon={<UserRound size={26} aria-hidden />} title={search.q ? "No user is called that" : "Nobody yet"}>
                <p>A user, a person or a program, owns keys. A budget of theirs counts the calls of all of them.</p>
                {mayChange && !search.q && (
                  <Button kind="primary" onClick={() => set({ add: "1" })}>
                    Make the first user
                  </Button>
                )}
              </Empty>
            ) : (
              <div className="table-wrap">
                <table className="table">
                  <thead>
                    <tr>
                      <th>User</th>
                      <th>E-mail</th>
                      <th>Models</th>
                      <th>Tightest budget</th>
                      <th className="end">Last 30 days</th>
                      <th>State</th>
                      <th className="end">Keys</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((each) => (
                      <tr key={each.id} className={each.id === search.user ? "pick picked" : "pick"} onClick={() => set({ user: each.id })}>
                        <td>
                          <button type="button" className="quiet-link cut" onClick={() => set({ user: each.id })}>
                            <b>{each.name || each.id}</b>
                          </button>
                        </td>
                        <td className="dim cut">{each.email}</td>
                        <td className="dim cut">{each.models.length ? each.models.join(", ") : "every model"}</td>
                        <td>
                          <TightestBudget budgets={each.budgets} />
                        </td>
                        <td className="end">{spent(each.id)}</td>
                        <td>
                          <Tag tone={each.blocked ? "bad" : "good"}>{each.blocked ? "blocked" : "active"}</Tag>
                        </td>
                        <td className="end">
                          <Link
                            to="/keys"
                            search={{ user: each.id }}
                            className="link"
                            aria-label={`Keys of ${each.name || each.id}`}
                            onClick={(event) => event.stopPropagation()}
                          >
                            Keys
                          </Link>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <More of="users" list={users} />
          </section>
        )}
      </main>
      {search.add && mayChange && <UserForm onClose={() => set({ add: undefined })} />}
      {search.user && <UserDrawer key={search.user} id={search.user} onClose={() => set({ user: undefined })} />}
    </>
  );
}
