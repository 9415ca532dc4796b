/** Loading parts of the page from a server that may be gone for a while. */

const AGAIN_MS = 1000;

/** Whether the server answers at all, with whatever answer. A proxy's 502 to 504 is none. */
async function answers(): Promise<boolean> {
  try {
    const response = await fetch("/api/v1/health", { cache: "no-store" });
    return response.status < 502;
  } catch {
    return false;
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, AGAIN_MS));

/**
 * `load`, tried again until it succeeds or fails though the server answers. Without it the router reloads the whole
 * page when a view's file cannot be fetched, and a server that is gone leaves the browser's error page behind.
 */
export function whenReachable<T>(load: () => Promise<T>, reachable: () => Promise<boolean> = answers, wait: () => Promise<unknown> = pause): () => Promise<T> {
  return async () => {
    for (;;) {
      const before = await load().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      if ("value" in before) return before.value;
      if (!(await reachable())) {
        do await wait();
        while (!(await reachable()));
        continue;
      }
      // the server may have come back between the two: only a second failure counts
      return await load();
    }
  };
}
