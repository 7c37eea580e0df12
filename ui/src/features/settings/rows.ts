/** Each setting with its default, and whether it is another. */
export function rowsOf(value: Record<string, unknown>, usual: Record<string, unknown>) {
  const defaults = new Map(flat(usual));
  return flat(value)
    .map(([name, each]) => {
      const other = defaults.get(name) ?? null;
      return { name, value: each, usual: other, set: JSON.stringify(each) !== JSON.stringify(other) };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Sections within sections by their whole name; lists and maps of names stay as they are. */
function flat(value: Record<string, unknown>, before = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([name, each]) =>
    ["limits", "log", "metrics"].includes(name) && typeof each === "object" && each !== null
      ? flat(each as Record<string, unknown>, `${before}${name}.`)
      : [[`${before}${name}`, each] as [string, unknown]],
  );
}
