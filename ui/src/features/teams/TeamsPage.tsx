import { Top } from "../../app/Shell";

export function TeamsPage() {
  return <Top title="Teams" />;
}
