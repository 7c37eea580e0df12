/** What outcomes and statuses mean, and how bad they are. */

import { day, dayBefore, isDay, moment } from "../../shared/time";

type Tone = "good" | "warn" | "bad" | "info" | undefined;

export function outcomeTone(outcome: string): Tone {
  if (outcome === "completed") return "good";
  if (outcome === "cancelled") return "warn";
  return "bad";
}

export function worthTone(status: string): Tone {
  if (status === "priced") return "good";
  if (status === "estimated") return "info";
  if (status === "unsettled") return "bad";
  return "warn";
}

export const OUTCOMES: Readonly<Record<string, string>> = {
  completed: "The answer went out whole",
  failed: "Every attempt failed",
  cancelled: "The client left before the end",
  refused: "Let in and then refused",
  lost: "The process died before the end",
};

export const STATUSES: Readonly<Record<string, string>> = {
  priced: "Every token has its price",
  estimated: "Tokens were counted here: the provider did not say",
  unpriced: "A price is missing; the cost is unknown, not nothing",
  inconsistent: "The provider's counts contradict themselves",
  unsettled: "What it cost is not known: the process died",
};

export const UNIT_NAMES: Readonly<Record<string, string>> = {
  input: "Input",
  cache_read: "Cached input",
  cache_write: "Cache write",
  cache_write_1h: "Cache write, 1 h",
  output: "Output",
  reasoning: "of it reasoning",
  audio_input: "Audio input",
  audio_cache_read: "Cached audio input",
  audio_output: "Audio output",
  image_input: "Image input",
  image_cache_read: "Cached image input",
  image_output: "Image output",
};

/** From when to when, the last day included. */
export function range(since: string | undefined, until: string | undefined): string {
  const first = since ? named(since) : "…";
  if (!until) return `${first} – now`;
  const last = isDay(until) ? dayBefore(until) : until;
  return since === last ? first : `${first} – ${named(last)}`;
}

function named(text: string): string {
  if (isDay(text)) return day(text);
  return /^\d{4}-/.test(text) ? moment(text) : `${text} ago`;
}
