import { Top } from "../../app/Shell";

export function KeysPage() {
  return <Top title="Keys" />;
}
