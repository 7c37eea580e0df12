import { Top } from "../../app/Shell";

export function SettingsPage() {
  return <Top title="Settings" />;
}
