import { Top } from "../../app/Shell";

export function PricesPage() {
  return <Top title="Prices" />;
}
