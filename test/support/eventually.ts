/** Far beyond what the slowest machine needs, and below the runner's own limit, in milliseconds. */
const longestMs = 120_000;

/**
 * Resolves with what `check` gives once it throws no more: for what happens a moment later.
 * @throws what `check` threw last, after two minutes of real time
 */
export async function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  const deadline = performance.now() + longestMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Resolves once `holds` says so. @throws with the name of it, after two minutes of real time */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(async () => {
    if (!(await holds())) throw new Error(`never happened: ${what}`);
  });
}
