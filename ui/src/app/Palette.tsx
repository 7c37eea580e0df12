import { useNavigate } from "@tanstack/react-router";
import { ArrowRight, Boxes, Keyboard, KeyRound, LogOut, ReceiptText, SunMoon, UserRound, Users } from "lucide-react";
import { type ReactNode, useDeferredValue, useEffect, useRef, useState } from "react";
import { api } from "../client/api";
import { toggleTheme } from "../shared/settings";
import { PLACES } from "./places";
import { useSession } from "./session";

interface Item {
  id: string;
  title: string;
  more?: string;
  icon: ReactNode;
  run: () => void;
}

/** Ctrl K: pages, keys, teams, users, models and calls by their ids. */
export function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const ref = useRef<HTMLDialogElement>(null);
  const items = useItems(text.trim(), onClose, onHelp);

  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  useEffect(() => setAt(0), [text]);
  const chosen = Math.min(at, items.length - 1);
  useEffect(() => {
    ref.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  return (
    <dialog
      ref={ref}
      className="modal palette"
      aria-label="Search everything"
      onCancel={onClose}
      onMouseDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <input
        className="ask"
        autoFocus
        placeholder="A page, key, team, user, model or call id…"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-found"
        aria-activedescendant={items[chosen] ? `palette-${chosen}` : undefined}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, items.length - 1));
          else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
          else if (event.key === "Enter") items[chosen]?.run();
          else return;
          event.preventDefault();
        }}
      />
      <div className="found" role="listbox" id="palette-found" aria-label="Found">
        {items.map((each, index) => (
          <div
            key={each.id}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            className="item"
            onMouseMove={() => setAt(index)}
            onClick={each.run}
          >
            {each.icon}
            <span className="cut">{each.title}</span>
            {each.more && <span className="dim cut mono">{each.more}</span>}
          </div>
        ))}
        {items.length === 0 && <div className="empty">Nothing is called that.</div>}
      </div>
    </dialog>
  );
}

function useItems(text: string, close: () => void, help: () => void): Item[] {
  const navigate = useNavigate();
  const { seesAll, signOut } = useSession();
  const sought = useDeferredValue(text);
  const enabled = seesAll && sought.length > 1;
  const query = { params: { query: { q: sought, limit: 6 } } };
  const keys = api.useQuery("get", "/api/keys", query, { enabled });
  const teams = api.useQuery("get", "/api/teams", query, { enabled });
  const users = api.useQuery("get", "/api/users", query, { enabled });
  const models = api.useQuery("get", "/api/models", query, { enabled });
  const wanted = text.toLowerCase();
  const then = (run: () => unknown) => () => {
    close();
    void run();
  };
  const fits = (title: string) => title.toLowerCase().includes(wanted);

  const items: Item[] = PLACES.filter((each) => (seesAll || each.own) && fits(each.title)).map((each) => ({
    id: each.to,
    title: each.title,
    icon: <each.icon size={15} />,
    run: then(() => navigate({ to: each.to })),
  }));
  if (/^call_[0-9a-f]{4,}/.test(text))
    items.unshift({
      id: "call",
      title: "Open the call",
      more: text,
      icon: <ReceiptText size={15} />,
      run: then(() =>
        text.length > 30
          ? navigate({ to: "/logs", search: { call: text } })
          : navigate({ to: "/logs", search: { call_id: text } }),
      ),
    });
  if (enabled) {
    for (const each of keys.data?.data ?? [])
      items.push({
        id: `key ${each.id}`,
        title: each.name || each.id,
        more: each.shown,
        icon: <KeyRound size={15} />,
        run: then(() => navigate({ to: "/keys", search: { key: each.id } })),
      });
    for (const each of teams.data?.data ?? [])
      items.push({
        id: `team ${each.id}`,
        title: each.name || each.id,
        more: each.id,
        icon: <Users size={15} />,
        run: then(() => navigate({ to: "/teams", search: { team: each.id } })),
      });
    for (const each of users.data?.data ?? [])
      items.push({
        id: `user ${each.id}`,
        title: each.name || each.id,
        more: each.email || each.id,
        icon: <UserRound size={15} />,
        run: then(() => navigate({ to: "/users", search: { user: each.id } })),
      });
    for (const each of models.data?.data ?? [])
      items.push({
        id: `model ${each.id}`,
        title: each.model_name,
        more: each.id,
        icon: <Boxes size={15} />,
        run: then(() => navigate({ to: "/models", search: { deployment: each.id } })),
      });
    items.push({
      id: "calls of the model",
      title: `Calls of model “${text}”`,
      icon: <ArrowRight size={15} />,
      run: then(() => navigate({ to: "/logs", search: { model: [text] } })),
    });
  }
  const deeds: [string, ReactNode, () => void][] = [
    ["Dark or light", <SunMoon size={15} key="i" />, toggleTheme],
    ["Keyboard shortcuts", <Keyboard size={15} key="i" />, help],
    ["Sign out", <LogOut size={15} key="i" />, signOut],
  ];
  for (const [title, icon, run] of deeds)
    if (fits(title)) items.push({ id: title, title, icon, run: then(run) });
  return items;
}
