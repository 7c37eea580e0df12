import { Plus, Trash2 } from "lucide-react";
import { useId } from "react";
import type { Budget, BudgetInput, Limit, LimitInput } from "../../client/api";
import { Button, IconButton, Input, Select } from "../../shared/kit";
import { amountOf, isAmount } from "../../shared/money";
import { countOf } from "../../shared/numbers";

export const WINDOWS = [
  { value: "1mo", label: "a month" },
  { value: "1w", label: "a week" },
  { value: "1d", label: "a day" },
  { value: "1h", label: "an hour" },
  { value: "rolling 30d", label: "in any 30 days" },
  { value: "rolling 24h", label: "in any 24 hours" },
  { value: "total", label: "in all" },
];

export const MEASURES = [
  { value: "requests", label: "requests" },
  { value: "tokens", label: "tokens" },
  { value: "parallel", label: "calls at once" },
] as const;

export const PER = [
  { value: "minute", label: "a minute" },
  { value: "hour", label: "an hour" },
  { value: "day", label: "a day" },
] as const;

export interface BudgetDraft {
  limit: string;
  window: string;
  soft: string;
  zone: string;
  reserve: "worst_case" | "estimate";
}

export interface LimitDraft {
  measure: "requests" | "tokens" | "parallel";
  limit: string;
  per: "minute" | "hour" | "day";
  model: string;
}

export function draftsOf(budgets: readonly Budget[]): BudgetDraft[] {
  return budgets.map((each) => ({
    limit: each.limit,
    window: each.window,
    soft: each.soft_limit ?? "",
    zone: each.zone,
    reserve: each.reserve,
  }));
}

export function limitDraftsOf(limits: readonly Limit[]): LimitDraft[] {
  return limits.map((each) => ({
    measure: each.measure,
    limit: String(each.limit),
    per: each.per ?? "minute",
    model: each.model,
  }));
}

/** Drafts as the API takes them; empty ones are left out. */
export function budgetsOf(drafts: readonly BudgetDraft[]): BudgetInput[] {
  return drafts
    .filter((each) => each.limit.trim() || each.soft.trim())
    .map((each) => ({
      limit: amountOf(each.limit),
      window: each.window,
      zone: each.zone,
      reserve: each.reserve,
      soft_limit: each.soft.trim() ? amountOf(each.soft) : null,
    }));
}

export function limitsOf(drafts: readonly LimitDraft[]): LimitInput[] {
  return drafts
    .filter((each) => each.limit.trim() || each.model.trim())
    .map((each) => ({
      measure: each.measure,
      limit: countOf(each.limit),
      per: each.measure === "parallel" ? null : each.per,
      model: each.model.trim(),
    }));
}

export function windowsFor(window: string) {
  return WINDOWS.some((each) => each.value === window) ? WINDOWS : [...WINDOWS, { value: window, label: window }];
}

export function BudgetsEditor({ value, onChange }: { value: BudgetDraft[]; onChange: (value: BudgetDraft[]) => void }) {
  const set = (at: number, change: Partial<BudgetDraft>) =>
    onChange(value.map((each, index) => (index === at ? { ...each, ...change } : each)));
  return (
    <div className="field">
      <span className="label">Budgets</span>
      {value.map((each, at) => (
        <div className="row drafts" key={at}>
          <Input
            inputMode="decimal"
            placeholder="$10.00"
            aria-label="Budget in USD"
            aria-invalid={Boolean(each.limit) && !isAmount(each.limit)}
            value={each.limit}
            onChange={(event) => set(at, { limit: event.target.value })}
          />
          <Select
            aria-label="Window"
            value={each.window}
            options={windowsFor(each.window)}
            onChange={(event) => set(at, { window: event.target.value })}
          />
          <Input
            inputMode="decimal"
            placeholder="warn at $…"
            aria-label="Warn from, in USD"
            aria-invalid={Boolean(each.soft) && !isAmount(each.soft)}
            value={each.soft}
            onChange={(event) => set(at, { soft: event.target.value })}
          />
          <IconButton label="Remove this budget" onClick={() => onChange(value.filter((_, index) => index !== at))}>
            <Trash2 size={14} />
          </IconButton>
        </div>
      ))}
      <div>
        <Button
          small
          onClick={() =>
            onChange([
              ...value,
              {
                limit: "",
                window: WINDOWS.find((each) => !value.some((other) => other.window === each.value))?.value ?? "total",
                soft: "",
                zone: "UTC",
                reserve: "worst_case",
              },
            ])
          }
        >
          <Plus size={13} aria-hidden /> Budget
        </Button>
      </div>
    </div>
  );
}

export function LimitsEditor({
  value,
  models,
  onChange,
}: {
  value: LimitDraft[];
  /** Names that a limit may be for. */
  models: readonly string[];
  onChange: (value: LimitDraft[]) => void;
}) {
  const list = useId();
  const set = (at: number, change: Partial<LimitDraft>) =>
    onChange(value.map((each, index) => (index === at ? { ...each, ...change } : each)));
  return (
    <div className="field">
      <span className="label">Rate limits</span>
      {value.map((each, at) => (
        <div className="row drafts" key={at}>
          <Input
            inputMode="numeric"
            placeholder="60"
            aria-label="Limit"
            aria-invalid={Boolean(each.limit) && Number.isNaN(countOf(each.limit))}
            value={each.limit}
            onChange={(event) => set(at, { limit: event.target.value })}
          />
          <Select
            aria-label="Of what"
            value={each.measure}
            options={MEASURES}
            onChange={(event) => set(at, { measure: event.target.value as LimitDraft["measure"] })}
          />
          <Select
            aria-label="Per"
            disabled={each.measure === "parallel"}
            value={each.per}
            options={PER}
            onChange={(event) => set(at, { per: event.target.value as LimitDraft["per"] })}
          />
          <Input
            list={list}
            placeholder="every model"
            aria-label="Only calls of this model"
            value={each.model}
            onChange={(event) => set(at, { model: event.target.value })}
          />
          <IconButton label="Remove this limit" onClick={() => onChange(value.filter((_, index) => index !== at))}>
            <Trash2 size={14} />
          </IconButton>
        </div>
      ))}
      <datalist id={list}>
        {models.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <div>
        <Button small onClick={() => onChange([...value, { measure: "requests", limit: "", per: "minute", model: "" }])}>
          <Plus size={13} aria-hidden /> Limit
        </Button>
      </div>
    </div>
  );
}
