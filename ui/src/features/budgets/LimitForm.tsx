import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { api, type Limit } from "../../client/api";
import { FormModal } from "../../shared/forms";
import { Button, Field, Input, Select } from "../../shared/kit";
import { countOf } from "../../shared/numbers";
import { notify } from "../../shared/toasts";
import { MEASURES, PER } from "./editors";
import { bodyOf, type Whom, WhomFields } from "./scopes";

/** Makes a rate limit that stands alone, changes how much one lets through, or deletes it. */
export function LimitForm({ before, onClose }: { before?: Limit; onClose: () => void }) {
  const queries = useQueryClient();
  const [whom, setWhom] = useState<Whom>({ scope: "model", id: "" });
  const [limit, setLimit] = useState(before ? String(before.limit) : "");
  const [measure, setMeasure] = useState(before?.measure ?? "requests");
  const [per, setPer] = useState(before?.per ?? "minute");
  const [model, setModel] = useState("");
  const known = api.useQuery("get", "/api/me");
  const meta = { quiet: true };
  const make = api.useMutation("post", "/api/limits", { meta });
  const change = api.useMutation("patch", "/api/limits/{limit_id}", { meta });
  const remove = api.useMutation("delete", "/api/limits/{limit_id}", { meta });
  const done = async (said: string) => {
    notify(said);
    await queries.invalidateQueries({ queryKey: ["get", "/api/limits"] });
    onClose();
  };
  async function submit() {
    const most = countOf(limit);
    if (before) {
      const query = { version: before.version ?? undefined };
      await change.mutateAsync({ params: { path: { limit_id: before.id }, query }, body: { limit: most } });
    } else {
      const counted = { measure, limit: most, per: measure === "parallel" ? null : per };
      await make.mutateAsync({ body: { ...counted, ...bodyOf(whom), model: narrowable ? model.trim() : "" } });
    }
    await done("Saved");
  }
  const narrowable = ["key", "team", "user"].includes(whom.scope);
  return (
    <FormModal
      title={before ? `Limit of ${before.scope_id || "everything"}` : "New rate limit"}
      does={before ? "Save" : "Make the limit"}
      busy={make.isPending || change.isPending}
      error={make.error ?? change.error ?? remove.error}
      aside={
        before && (
          <Button
            danger
            busy={remove.isPending}
            onClick={() =>
              remove.mutate({ params: { path: { limit_id: before.id } } }, { onSuccess: () => done("The limit is gone") })
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
      <div className="grid limit">
        <Field label="At most">
          {(id) => (
            <Input
              id={id}
              inputMode="numeric"
              pattern="[0-9,_ ]+"
              title="A whole number"
              required
              autoFocus={Boolean(before)}
              placeholder="600"
              value={limit}
              onChange={(event) => setLimit(event.target.value)}
            />
          )}
        </Field>
        <Field label="Of what">
          {(id) => (
            <Select
              id={id}
              disabled={Boolean(before)}
              value={measure}
              options={MEASURES}
              onChange={(event) => setMeasure(event.target.value as typeof measure)}
            />
          )}
        </Field>
        {measure !== "parallel" && (
          <Field label="Per">
            {(id) => (
              <Select
                id={id}
                disabled={Boolean(before)}
                value={per}
                options={PER}
                onChange={(event) => setPer(event.target.value as typeof per)}
              />
            )}
          </Field>
        )}
      </div>
      {before && (
        <p className="dim">Only how much it lets through can change; to count something else, make another limit.</p>
      )}
      {!before && narrowable && (
        <Field label="Only calls of" hint="A model. None: every call counts.">
          {(id) => (
            <>
              <Input
                id={id}
                list={`${id}-models`}
                placeholder="every model"
                value={model}
                onChange={(event) => setModel(event.target.value)}
              />
              <datalist id={`${id}-models`}>
                {known.data?.models.map((each) => (
                  <option key={each} value={each} />
                ))}
              </datalist>
            </>
          )}
        </Field>
      )}
    </FormModal>
  );
}
