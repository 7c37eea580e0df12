/** What spend can be told by. */
export const DIMENSIONS = [
  { value: "served_model", label: "Served model" },
  { value: "model", label: "Requested model" },
  { value: "key", label: "Key" },
  { value: "team", label: "Team" },
  { value: "user", label: "User" },
  { value: "tag", label: "Tag" },
  { value: "deployment", label: "Deployment" },
  { value: "provider", label: "Provider" },
  { value: "day", label: "Day" },
] as const;

export type Dimension = (typeof DIMENSIONS)[number]["value"];

export function labelOf(dimension: string): string {
  return DIMENSIONS.find((each) => each.value === dimension)?.label ?? dimension;
}

/** What stands for an empty name. */
export function nameless(dimension: string): string {
  return dimension === "served_model" ? "none answered" : `no ${labelOf(dimension).toLowerCase()}`;
}
