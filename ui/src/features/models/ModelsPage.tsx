import { Top } from "../../app/Shell";

export function ModelsPage() {
  return <Top title="Models" />;
}
