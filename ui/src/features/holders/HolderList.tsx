import { Plus } from "lucide-react";
import type { ReactNode } from "react";
import { Refresh, Top } from "../../app/Shell";
import { useSession } from "../../app/session";
import { Bones, Button, Empty, ErrorBox, Find, Tag } from "../../shared/kit";
import { TightestBudget } from "../budgets/Tightest";
import { type Holders, useHolders } from "./holders";
import { More } from "./More";
import { useSpent } from "./spent";

type Listed = "team" | "user";

export interface Column<T> {
  head: string;
  cell: (each: T) => ReactNode;
  className?: string;
}

/** What a page of teams or users says in words of its own. */
export interface Words {
  title: string;
  find: string;
  icon: ReactNode;
  /** Above what is said when there is none at all. */
  none: string;
  about: string;
}

/** Teams or users: found by name, made, and opened. */
export function HolderList<N extends Listed>({
  noun,
  words,
  q,
  chosen,
  onFind,
  onAdd,
  onOpen,
  second,
  last,
}: {
  noun: N;
  words: Words;
  q: string | undefined;
  /** The id of the one that is open. */
  chosen: string | undefined;
  onFind: (q: string | undefined) => void;
  onAdd: () => void;
  onOpen: (id: string) => void;
  /** The column after the name, and the last one. */
  second: Column<Holders[N]>;
  last?: Column<Holders[N]>;
}) {
  const { mayChange } = useSession();
  const list = useHolders(noun, { q });
  const rows: Holders[N][] = list.rows;
  const spent = useSpent(noun);
  return (
    <>
      <Top title={words.title}>
        <Find
          label={`Find a ${noun}`}
          placeholder={words.find}
          value={q ?? ""}
          onChange={(event) => onFind(event.target.value || undefined)}
        />
        {mayChange && (
          <Button small kind="primary" data-shortcut="n" onClick={onAdd}>
            <Plus size={14} aria-hidden /> New {noun}
          </Button>
        )}
        <Refresh busy={list.isFetching} onClick={() => void list.refetch()} />
      </Top>
      <main className="content">
        {list.error && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
        {!list.data ? (
          !list.error && <Bones />
        ) : (
          <section className="card">
            {rows.length === 0 ? (
              <Empty icon={words.icon} title={q ? `No ${noun} is called that` : words.none}>
                <p>{words.about}</p>
                {mayChange && !q && (
                  <Button kind="primary" onClick={onAdd}>
                    Make the first {noun}
                  </Button>
                )}
              </Empty>
            ) : (
              <div className="table-wrap">
                <table className="table">
                  <thead>
                    <tr>
                      <th>{noun === "team" ? "Team" : "User"}</th>
                      <th className={second.className?.includes("end") ? "end" : ""}>{second.head}</th>
                      <th>Models</th>
                      <th>Tightest budget</th>
                      <th className="end">Last 30 days</th>
                      <th>State</th>
                      {last && <th className={last.className}>{last.head}</th>}
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((each) => (
                      <tr key={each.id} className={each.id === chosen ? "pick picked" : "pick"} onClick={() => onOpen(each.id)}>
                        <td>
                          <button type="button" className="quiet-link cut" onClick={() => onOpen(each.id)}>
                            <b>{each.name || each.id}</b>
                          </button>
                        </td>
                        <td className={second.className}>{second.cell(each)}</td>
                        <td className="dim cut">{each.models.length ? each.models.join(", ") : "every model"}</td>
                        <td>
                          <TightestBudget budgets={each.budgets} />
                        </td>
                        <td className="end">{spent(each.id)}</td>
                        <td>
                          <Tag tone={each.blocked ? "bad" : "good"}>{each.blocked ? "blocked" : "active"}</Tag>
                        </td>
                        {last && <td className={last.className}>{last.cell(each)}</td>}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <More of={`${noun}s`} list={list} />
          </section>
        )}
      </main>
    </>
  );
}
