import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { Clock, Keyboard, LogOut, MenuIcon, Monitor, Moon, RefreshCw, Search, Sun, UserRound } from "lucide-react";
import { createContext, Fragment, type ReactNode, Suspense, use, useEffect, useState } from "react";
import { Button, Empty, ErrorBox, IconButton, Menu } from "../shared/kit";
import { choose, useChosen } from "../shared/settings";
import { answers, Unreachable } from "./loading";
import { Palette } from "./Palette";
import { PLACES } from "./places";
import { useSession } from "./session";
import { Shortcuts, useShortcuts } from "./shortcuts";

const Side = createContext<() => void>(() => undefined);

export function Shell() {
  const [side, setSide] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(() => setSide(false), [path]);
  useShortcuts({ palette: () => setPalette(true), help: () => setHelp(true) });
  return (
    <Side value={() => setSide(true)}>
      <a className="skip button" href="#content">
        To the content
      </a>
      <div className="shell">
        {side && <div className="side-veil" onClick={() => setSide(false)} role="presentation" />}
        <Sidebar open={side} onPalette={() => setPalette(true)} onHelp={() => setHelp(true)} />
        <div className="page" id="content">
          <Suspense fallback={null}>
            <Outlet />
          </Suspense>
        </div>
      </div>
      {palette && <Palette onClose={() => setPalette(false)} onHelp={() => setHelp(true)} />}
      {help && <Shortcuts onClose={() => setHelp(false)} />}
    </Side>
  );
}

function Sidebar({ open, onPalette, onHelp }: { open: boolean; onPalette: () => void; onHelp: () => void }) {
  const { session, seesAll, signOut } = useSession();
  const theme = useChosen("theme");
  const zone = useChosen("zone");
  const ThemeIcon = theme === "system" ? Monitor : theme === "dark" ? Moon : Sun;
  let group = "";
  return (
    <aside className={open ? "side open" : "side"}>
      <Link to="/" className="brand">
        <img src="favicon.svg" alt="" />
        Faregate
      </Link>
      <nav aria-label="Pages">
        <button type="button" className="nav" onClick={onPalette}>
          <Search size={15} aria-hidden />
          Search
          <kbd>{navigator.platform.startsWith("Mac") ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        {PLACES.filter((each) => seesAll || each.own).map((each) => {
          const begins = each.group !== group;
          group = each.group;
          return (
            <Fragment key={each.to}>
              {begins && <div className="group">{each.group}</div>}
              <Link
                to={each.to}
                className="nav"
                activeOptions={{ exact: each.to === "/", includeSearch: false }}
              >
                <each.icon size={15} aria-hidden />
                {each.title}
              </Link>
            </Fragment>
          );
        })}
      </nav>
      <Menu
        label="You"
        up
        trigger={
          <button type="button" className="nav" aria-haspopup="menu">
            <UserRound size={15} aria-hidden />
            <span className="cut">{session.name || session.id}</span>
          </button>
        }
      >
        {(close) => (
          <>
            <div className="title">
              {session.id} · {session.role === "none" ? "own calls only" : session.role}
            </div>
            <button
              type="button"
              role="menuitem"
              className="item"
              onClick={() => choose("theme", theme === "system" ? "light" : theme === "light" ? "dark" : "system")}
            >
              <ThemeIcon size={14} aria-hidden /> Theme: {theme}
            </button>
            <button
              type="button"
              role="menuitem"
              className="item"
              onClick={() => choose("zone", zone === "local" ? "UTC" : "local")}
            >
              <Clock size={14} aria-hidden /> Times: {zone === "local" ? "your zone" : zone}
            </button>
            <button
              type="button"
              role="menuitem"
              className="item"
              onClick={() => {
                close();
                onHelp();
              }}
            >
              <Keyboard size={14} aria-hidden /> Keyboard shortcuts
            </button>
            <button type="button" role="menuitem" className="item" onClick={signOut}>
              <LogOut size={14} aria-hidden /> Sign out
            </button>
          </>
        )}
      </Menu>
    </aside>
  );
}

/** The bar on top of a page: its title, and what it is narrowed by. */
export function Top({ title, children }: { title: ReactNode; children?: ReactNode }) {
  const openSide = use(Side);
  useEffect(() => {
    document.title = typeof title === "string" ? `${title} · Faregate` : "Faregate";
  }, [title]);
  return (
    <header className="top">
      <IconButton label="Menu" className="burger" onClick={openSide}>
        <MenuIcon size={17} />
      </IconButton>
      <h1>{title}</h1>
      {children}
    </header>
  );
}

export function Refresh({ busy, onClick }: { busy: boolean; onClick: () => void }) {
  return (
    <IconButton label="Refresh (r)" className="refresh" data-shortcut="r" onClick={onClick} disabled={busy}>
      <RefreshCw size={14} className={busy ? "spin" : ""} />
    </IconButton>
  );
}

export function NotFound() {
  return (
    <>
      <Top title="Not found" />
      <Empty title="There is no such page">
        <Link to="/" className="button">
          To the overview
        </Link>
      </Empty>
    </>
  );
}

/** What is shown instead of a page that failed; after an upgrade its files may be gone. */
export function Broken({ error }: { error: unknown }) {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const away = error instanceof Unreachable;
  const gone = !away && error instanceof Error && /import|preload/i.test(error.message);
  const again = async () => {
    setAsking(true);
    if (!away || (await answers())) location.reload();
    else setAsking(false);
  };
  return (
    <>
      <Top title="This page failed" />
      <main className="content">
        <ErrorBox
          error={
            gone
              ? "A part of this page could not be loaded: the gateway was upgraded since the page was opened, or it does not answer."
              : error
          }
        />
        <div className="row">
          <Button kind="primary" busy={asking} onClick={() => void again()}>
            Load the page again
          </Button>
          <Button onClick={() => void navigate({ to: "/" })}>To the overview</Button>
        </div>
      </main>
    </>
  );
}
