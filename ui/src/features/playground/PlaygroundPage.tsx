import { Top } from "../../app/Shell";

export function PlaygroundPage() {
  return <Top title="Playground" />;
}
