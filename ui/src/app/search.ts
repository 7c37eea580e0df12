/** The address's query as this dashboard writes it: plain text, a name once for each value. */

export type Search = Record<string, string | string[]>;

export function parseSearch(text: string): Search {
  const found: Search = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const before = found[name];
    if (before === undefined) found[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else found[name] = [before, value];
  }
  return found;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const made = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value === undefined || value === null) continue;
    for (const each of Array.isArray(value) ? value : [value]) made.append(name, String(each));
  }
  const text = made.toString();
  return text ? `?${text}` : "";
}

type Chosen<Lists extends string, Texts extends string> = {
  [K in Lists]?: string[] | undefined;
} & { [K in Texts]?: string | undefined };

/** A route's query: some names with any number of values, some with one; others are dropped. */
export function searchOf<const Lists extends readonly string[], const Texts extends readonly string[]>(
  lists: Lists,
  texts: Texts,
) {
  return (search: Record<string, unknown>): Chosen<Lists[number], Texts[number]> => {
    const found: Record<string, unknown> = {};
    for (const name of lists) {
      const value = search[name];
      if (Array.isArray(value)) found[name] = value.map(String);
      else if (value !== undefined) found[name] = [String(value)];
    }
    for (const name of texts) {
      const value = search[name];
      if (value !== undefined) found[name] = String(Array.isArray(value) ? value[0] : value);
    }
    return found as Chosen<Lists[number], Texts[number]>;
  };
}

export const CALL_LISTS = [
  "key",
  "team",
  "user",
  "model",
  "served_model",
  "sent_model",
  "deployment",
  "provider",
  "route",
  "outcome",
  "status",
  "http_status",
  "error",
  "operation",
  "request_id",
  "session",
  "end_user",
  "client",
  "traceparent",
] as const;

export const CALL_TEXTS = [
  "tag",
  "min_cost",
  "max_cost",
  "min_seconds",
  "min_first_byte",
  "min_tokens_in",
  "min_tokens_out",
  "since",
  "until",
  "stream",
  "adjusted",
  "call_id",
] as const;

export const SPEND_LISTS = ["key", "team", "user", "model", "served_model", "deployment", "provider"] as const;
