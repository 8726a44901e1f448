import { createContext, Script } from "node:vm";

/** How long all tests of one tester may take together, in milliseconds of this thread's CPU. */
const budgetMs = 50;

const script = new Script("new RegExp(pattern, 'u').test(text)");

/**
 * Tests texts against regular expressions of others. One that would go on for ever holds the thread for a moment only:
 * from then on the tester finds nothing out.
 * @returns whether the text matches; null when that was not found out, also because the expression is none
 */
export function boundedTester(): (pattern: string, text: string) => boolean | null {
  let leftMs = budgetMs;
  return (pattern, text) => {
    const context = createContext(Object.assign(Object.create(null), { pattern, text }));
    while (leftMs >= 1) {
      const before = process.threadCpuUsage();
      try {
        return script.runInContext(context, { timeout: Math.ceil(leftMs) }) === true;
      } catch (error) {
        if (!isTimeout(error)) return null;
        // Node counts the time that passes. On a busy machine that may be without a turn for this thread: then it goes on.
      } finally {
        const { user, system } = process.threadCpuUsage(before);
        leftMs -= (user + system) / 1000;
      }
    }
    return null;
  };
}

function isTimeout(error: unknown): boolean {
  return Error.isError(error) && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
