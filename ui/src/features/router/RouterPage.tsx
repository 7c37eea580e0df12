import { Top } from "../../app/Shell";

export function RouterPage() {
  return <Top title="Router" />;
}
