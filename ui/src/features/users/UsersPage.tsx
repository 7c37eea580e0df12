import { getRouteApi, Link } from "@tanstack/react-router";
import { UserRound } from "lucide-react";
import { useSession } from "../../app/session";
import type { User } from "../../client/api";
import { HolderList } from "../holders/HolderList";
import { UserDrawer } from "./UserDrawer";
import { UserForm } from "./UserForm";

const route = getRouteApi("/users");
const WORDS = {
  title: "Users",
  find: "Name, e-mail or id…",
  icon: <UserRound size={26} aria-hidden />,
  none: "Nobody yet",
  about: "A user, a person or a program, owns keys. A budget of theirs counts the calls of all of them.",
};

/** People, and programs, that own keys. */
export function UsersPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { mayChange } = useSession();
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <>
      <HolderList
        noun="user"
        words={WORDS}
        q={search.q}
        chosen={search.user}
        onFind={(q) => set({ q })}
        onAdd={() => set({ add: "1" })}
        onOpen={(user) => set({ user })}
        second={{ head: "E-mail", cell: (each) => each.email, className: "dim cut" }}
        last={{ head: "Keys", cell: (each) => <Keys of={each} />, className: "end" }}
      />
      {search.add && mayChange && <UserForm onClose={() => set({ add: undefined })} />}
      {search.user && <UserDrawer key={search.user} id={search.user} onClose={() => set({ user: undefined })} />}
    </>
  );
}

function Keys({ of }: { of: User }) {
  return (
    <Link
      to="/keys"
      search={{ user: of.id }}
      className="link"
      aria-label={`Keys of ${of.name || of.id}`}
      onClick={(event) => event.stopPropagation()}
    >
      Keys
    </Link>
  );
}
