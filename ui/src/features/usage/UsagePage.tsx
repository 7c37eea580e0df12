import { Top } from "../../app/Shell";

export function UsagePage() {
  return <Top title="Usage" />;
}
