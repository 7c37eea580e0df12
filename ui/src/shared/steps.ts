import { useEffect, useState } from "react";

/** So many lines fill a screen. */
const FIRST = 30;

/**
 * The first lines at once and all others a moment later: a long table takes long to lay out. `list`
 * names what the lines are of: the same list that has changed is not drawn in steps again.
 */
export function useBySteps<T>(lines: readonly T[], list = ""): readonly T[] {
  const [whole, setWhole] = useState<string>();
  const some = lines.length > 0;
  useEffect(() => {
    if (!some) return;
    const timer = window.setTimeout(() => setWhole(list), 60);
    return () => window.clearTimeout(timer);
  }, [some, list]);
  return whole === list ? lines : lines.slice(0, FIRST);
}
