import {
  Boxes,
  ChartColumn,
  ChartNoAxesGantt,
  Gauge,
  History,
  KeyRound,
  LayoutDashboard,
  MessageSquareText,
  Settings2,
  Split,
  Tags,
  UserRound,
  Users,
} from "lucide-react";

/** The pages, in the order of the navigation. `g` and the letter lead there. */
export const PLACES = [
  { to: "/", title: "Overview", letter: "o", icon: LayoutDashboard, group: "", own: true },
  { to: "/logs", title: "Logs", letter: "l", icon: ChartNoAxesGantt, group: "", own: true },
  { to: "/usage", title: "Usage", letter: "u", icon: ChartColumn, group: "", own: true },
  { to: "/router", title: "Router", letter: "r", icon: Split, group: "", own: false },
  { to: "/playground", title: "Playground", letter: "p", icon: MessageSquareText, group: "Models", own: true },
  { to: "/models", title: "Models", letter: "m", icon: Boxes, group: "Models", own: false },
  { to: "/prices", title: "Prices", letter: "c", icon: Tags, group: "Models", own: false },
  { to: "/keys", title: "Keys", letter: "k", icon: KeyRound, group: "Access", own: false },
  { to: "/teams", title: "Teams", letter: "t", icon: Users, group: "Access", own: false },
  { to: "/users", title: "Users", letter: "e", icon: UserRound, group: "Access", own: false },
  { to: "/budgets", title: "Budgets", letter: "b", icon: Gauge, group: "Access", own: false },
  { to: "/settings", title: "Settings", letter: "s", icon: Settings2, group: "Gateway", own: false },
  { to: "/audit", title: "Audit log", letter: "a", icon: History, group: "Gateway", own: false },
] as const;
