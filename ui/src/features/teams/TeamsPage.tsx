import { getRouteApi } from "@tanstack/react-router";
import { Users } from "lucide-react";
import { useSession } from "../../app/session";
import { HolderList } from "../holders/HolderList";
import { TeamDrawer } from "./TeamDrawer";
import { TeamForm } from "./TeamForm";

const route = getRouteApi("/teams");
const WORDS = {
  title: "Teams",
  find: "Name or id…",
  icon: <Users size={26} aria-hidden />,
  none: "No teams yet",
  about: "A team's budget counts the calls of all its keys together.",
};

export function TeamsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <HolderList
        noun="team"
        words={WORDS}
        q={search.q}
        chosen={search.team}
        onFind={(q) => set({ q })}
        onAdd={() => set({ add: "1" })}
        onOpen={(team) => set({ team })}
        second={{ head: "Members", cell: (each) => each.members.length, className: "end" }}
      />
      {search.add && mayChange && <TeamForm onClose={() => set({ add: undefined })} />}
      {search.team && <TeamDrawer key={search.team} id={search.team} onClose={() => set({ team: undefined })} />}
    </>
  );
}
