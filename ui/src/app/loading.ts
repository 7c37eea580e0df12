/** A page's file could not be had, since nobody answers. */
export class Unreachable extends Error {
  constructor() {
    super("This page was not loaded before, and the gateway does not answer. Is it running?");
  }
}

/** Whether the gateway has an answer for the page's own files. */
export async function answers(): Promise<boolean> {
  try {
    return (await fetch(new URL("theme.js", document.baseURI), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/**
 * Loads a page's file. After an upgrade it is gone, and the router loads everything anew; where nobody
 * answers, that would leave the browser's own error and nothing else.
 */
export function loaded<T>(load: () => Promise<T>): () => Promise<T> {
  return () =>
    load().catch(async (error: unknown) => {
      throw (await answers()) ? error : new Unreachable();
    });
}
