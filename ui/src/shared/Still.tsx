import { memo, type ReactNode } from "react";

/**
 * A part of a page that is drawn again only for other figures (`of`), and not while it waits for
 * them: until they are there, those of before stand as they were.
 */
export const Still = memo(
  function Still({ draw }: { draw: () => ReactNode; of: readonly unknown[]; waiting: boolean }) {
    return draw();
  },
  (before, after) => after.waiting || after.of.every((each, at) => Object.is(each, before.of[at])),
);
