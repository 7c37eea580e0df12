import { startTransition, useEffect, useMemo, useState } from "react";

/** So many lines fill a screen. */
const FIRST = 30;

/** Whether a page's first part is on the screen: what stands below it is drawn then. */
export function useSecondStep(): boolean {
  const [second, setSecond] = useState(false);
  useEffect(() => {
    const frame = requestAnimationFrame(() => startTransition(() => setSecond(true)));
    return () => cancelAnimationFrame(frame);
  }, []);
  return second;
}

/**
 * The first lines at once and all others a moment later: a long table takes long to lay out. `list`
 * names what the lines are of: the same list that has changed is not drawn in steps again.
 */
export function useBySteps<T>(lines: readonly T[], list = ""): readonly T[] {
  const [whole, setWhole] = useState<string>();
  const any = lines.length > 0;
  useEffect(() => {
    if (!any) return;
    const timer = window.setTimeout(() => setWhole(list), 60);
    return () => window.clearTimeout(timer);
  }, [any, list]);
  const some = useMemo(() => lines.slice(0, FIRST), [lines]);
  return whole === list ? lines : some;
}
