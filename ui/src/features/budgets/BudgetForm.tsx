import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { api, type Budget } from "../../client/api";
import { FormModal } from "../../shared/forms";
import { Button, Field, Input, Select } from "../../shared/kit";
import { amountOf } from "../../shared/money";
import { notify } from "../../shared/toasts";
import { WINDOWS, windowsFor } from "./editors";
import { bodyOf, type Whom, WhomFields } from "./scopes";

/** Makes a budget that stands alone, changes or deletes one. */
export function BudgetForm({ before, onClose }: { before?: Budget; onClose: () => void }) {
  const queries = useQueryClient();
  const [whom, setWhom] = useState<Whom>({ scope: "everything", id: "" });
  const [limit, setLimit] = useState(before?.limit ?? "");
  const [window, setWindow] = useState(before?.window ?? "1mo");
  const [soft, setSoft] = useState(before?.soft_limit ?? "");
  const [zone, setZone] = useState(before?.zone ?? "UTC");
  const [reserve, setReserve] = useState(before?.reserve ?? "worst_case");
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/budgets", { meta });
  const change = api.useMutation("patch", "/api/budgets/{budget_id}", { meta });
  const remove = api.useMutation("delete", "/api/budgets/{budget_id}", { meta });
  const done = async (said: string) => {
    notify(said);
    await queries.invalidateQueries({ queryKey: ["get", "/api/budgets"] });
    onClose();
  };
  async function submit() {
    const body = {
      limit: amountOf(limit),
      window,
      zone,
      reserve,
      soft_limit: soft.trim() ? amountOf(soft) : null,
    };
    if (before) {
      const query = { version: before.version ?? undefined };
      await change.mutateAsync({ params: { path: { budget_id: before.id }, query }, body });
    } else await make.mutateAsync({ body: { ...body, ...bodyOf(whom) } });
    await done("Saved");
  }
  return (
    <FormModal
      title={before ? `Budget of ${before.scope_id || "everything"}` : "New budget"}
      does={before ? "Save" : "Make the budget"}
      busy={make.isPending || change.isPending}
      error={make.error ?? change.error ?? remove.error}
      aside={
        before && (
          <Button
            danger
            busy={remove.isPending}
            onClick={() =>
              remove.mutate(
                { params: { path: { budget_id: before.id } } },
                { onSuccess: () => done("The budget is gone") },
              )
            }
          >
            <Trash2 size={13} aria-hidden /> Delete
          </Button>
        )
      }
      onSubmit={submit}
      onClose={onClose}
    >
      {!before && <WhomFields value={whom} onChange={setWhom} />}
      <div className="grid two narrow">
        <Field label="At most (USD)">
          {(id) => (
            <Input id={id} inputMode="decimal" placeholder="100.00" value={limit} onChange={(event) => setLimit(event.target.value)} />
          )}
        </Field>
        <Field label="Window">
          {(id) => (
            <Select
              id={id}
              value={window}
              options={before ? windowsFor(window) : WINDOWS}
              onChange={(event) => setWindow(event.target.value)}
            />
          )}
        </Field>
        <Field label="Warn from (USD)" hint="Nothing is refused there.">
          {(id) => <Input id={id} inputMode="decimal" value={soft} onChange={(event) => setSoft(event.target.value)} />}
        </Field>
        <Field label="Calendar of" hint="A time zone, such as Europe/Berlin.">
          {(id) => <Input id={id} value={zone} onChange={(event) => setZone(event.target.value)} />}
        </Field>
      </div>
      <Field label="A call under way holds">
        {(id) => (
          <Select
            id={id}
            value={reserve}
            options={[
              { value: "worst_case", label: "the most it may cost: the budget is never overspent" },
              { value: "estimate", label: "what it will likely cost: more calls at once" },
            ]}
            onChange={(event) => setReserve(event.target.value as typeof reserve)}
          />
        )}
      </Field>
    </FormModal>
  );
}
