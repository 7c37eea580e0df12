import { Top } from "../../app/Shell";

export function AuditPage() {
  return <Top title="Audit" />;
}
