import { createContext, Script } from "node:vm";

/** How long all tests of one tester may take together, in milliseconds. */
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
    if (leftMs < 1) return null;
    const startedAt = performance.now();
    try {
      const sandbox = Object.assign(Object.create(null), { pattern, text });
      return script.runInContext(createContext(sandbox), { timeout: Math.ceil(leftMs) }) === true;
    } catch {
      return null;
    } finally {
      leftMs -= performance.now() - startedAt;
    }
  };
}
