import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type Price } from "../../client/api";
import { Button, ErrorBox, Field, Input, Modal, Select } from "../../shared/kit";
import { amountOf, isAmount } from "../../shared/money";
import { calls } from "../../shared/numbers";
import { notify } from "../../shared/toasts";
import { UNIT_NAMES } from "../logs/words";
import { FAMILIES } from "./pivot";

const FIRST: readonly Price["unit"][] = ["input", "cache_read", "output"];
const OTHERS: readonly Price["unit"][] = [
  "cache_write",
  "cache_write_1h",
  ...FAMILIES.audio,
  ...FAMILIES.image,
];

/** Adds rows to the book; calls that waited for them are priced at once. */
export function PriceForm({ model: asked, onClose }: { model: string; onClose: () => void }) {
  const queries = useQueryClient();
  const waiting = api.useQuery("get", "/api/unpriced", { params: { query: { limit: 50 } } });
  const waits = waiting.data?.data.find((each) => each.served_model === asked);
  const [chosenList, setList] = useState<string | null>(null);
  const list = chosenList ?? (waits?.price_list || "azure");
  const [model, setModel] = useState(asked);
  const [scope, setScope] = useState("global");
  const [tier, setTier] = useState("standard");
  const [from, setFrom] = useState("");
  const [source, setSource] = useState("");
  const [amounts, setAmounts] = useState<Record<string, string>>({});
  const add = api.useMutation("post", "/api/prices", { meta: { quiet: true } });
  const stated = [...FIRST, ...OTHERS].filter((each) => amounts[each]?.trim());
  const wrong = stated.some((each) => !isAmount(amounts[each] ?? ""));
  const amount = (unit: Price["unit"]) => (
    <Field key={unit} label={`${UNIT_NAMES[unit] ?? unit}, USD / 1M`}>
      {(id) => (
        <Input
          id={id}
          inputMode="decimal"
          placeholder="0.25"
          aria-invalid={Boolean(amounts[unit]) && !isAmount(amounts[unit] ?? "")}
          value={amounts[unit] ?? ""}
          onChange={(event) => setAmounts({ ...amounts, [unit]: event.target.value })}
        />
      )}
    </Field>
  );
  async function submit(event: FormEvent) {
    event.preventDefault();
    try {
      const found = await add.mutateAsync({
        body: {
          prices: stated.map((unit) => ({
            provider: list,
            model: model.trim(),
            unit,
            usd_per_million: amountOf(amounts[unit] ?? ""),
            scope,
            tier,
            effective_from: from || null,
            source,
          })),
        },
      });
      notify(
        found.fill.filled
          ? `Added; ${calls(found.fill.filled)} that waited have their price now`
          : "Added; it applies from the next call on",
      );
      await queries.invalidateQueries();
      onClose();
    } catch {
      // Shown in the form.
    }
  }
  return (
    <Modal title="Add a price" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="body column">
          {Boolean(add.error) && <ErrorBox error={add.error} />}
          <Field label="Model" hint="As the provider names it in its answers.">
            {(id) => <Input id={id} required placeholder="gpt-5-nano-2025-08-07" value={model} onChange={(event) => setModel(event.target.value)} />}
          </Field>
          <div className="grid thirds">
            <Field label="Price list">
              {(id) => <Input id={id} required value={list} onChange={(event) => setList(event.target.value)} />}
            </Field>
            <Field label="Scope">
              {(id) => (
                <Select
                  id={id}
                  value={scope}
                  options={[
                    { value: "global", label: "global" },
                    { value: "data_zone_us", label: "data zone US" },
                    { value: "data_zone_eu", label: "data zone EU" },
                    { value: "data_zone_apac", label: "data zone APAC" },
                    { value: "regional", label: "regional" },
                  ]}
                  onChange={(event) => setScope(event.target.value)}
                />
              )}
            </Field>
            <Field label="Tier">
              {(id) => (
                <Select
                  id={id}
                  value={tier}
                  options={["standard", "batch", "flex", "priority"]}
                  onChange={(event) => setTier(event.target.value)}
                />
              )}
            </Field>
          </div>
          <div className="grid thirds">{FIRST.map(amount)}</div>
          <details className="more-units">
            <summary>Cache writes, audio and images</summary>
            <div className="grid thirds">{OTHERS.map(amount)}</div>
          </details>
          <div className="grid two narrow">
            <Field label="In force from" hint="Empty: always, so that past calls get it, too.">
              {(id) => <Input id={id} type="date" value={from} onChange={(event) => setFrom(event.target.value)} />}
            </Field>
            <Field label="Source">
              {(id) => <Input id={id} placeholder="https://…" value={source} onChange={(event) => setSource(event.target.value)} />}
            </Field>
          </div>
        </div>
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={add.isPending} disabled={!stated.length || wrong || !model.trim()}>
            Add
          </Button>
        </footer>
      </form>
    </Modal>
  );
}
