import { isPromise } from "../../domain/awaitable.ts";
import type { PresentedToken } from "../../domain/tokens/access-token.ts";
import type { Store } from "../store.ts";
import type { CommitQueue } from "./commit-queue.ts";

type Settled = CommitQueue["settled"];
/** The parts of a store that are made of methods. */
type Parts = Omit<Store, "healthy" | "vitals" | "close">;

/**
 * Has every answer of a store wait until all that it may have seen is on disk. A connection sees its own commits before
 * they are, and what left the process would not be true any more after a power cut. This is the one place for it, since
 * whatever leaves the process was read from the store first, or is in memory because it was.
 */
export function durableAnswers(parts: Parts, settled: Settled): Parts {
  const durable = Object.fromEntries(
    Object.entries(parts).map(([name, part]) => [name, methodsOf(part, settled)]),
  ) as unknown as Parts;
  return { ...durable, tokens: { ...durable.tokens, findAccessToken: tokenFinder(parts, settled) } };
}

/** They tell that something happened, and nothing of it. */
const neverHeld: ReadonlySet<string> = new Set(["onCommit", "changes", "mark", "revocationMark"]);

function methodsOf(part: object, settled: Settled): object {
  return Object.fromEntries(
    Object.entries(part).map(([name, method]) => [
      name,
      neverHeld.has(name) ? method : (...args: unknown[]) => held(method(...args), settled),
    ]),
  );
}

/** All reading is done when a method returns, what it returns at once was read by an earlier call: the moment to ask. */
function held(answer: unknown, settled: Settled): unknown {
  const pending = settled();
  if (pending === null) return answer;
  // It may be rejected while nobody waits for it yet.
  if (isPromise(answer)) answer.catch(() => {});
  return pending.then(() => answer);
}

/**
 * Renewals must go on while a disk stalls, and callers are not always known from memory. That a runner's token works
 * betrays nothing that is not on disk: nobody has one that was not, since it is given out afterwards, and none that has
 * ended works again.
 */
function tokenFinder({ tokens }: Parts, settled: Settled): Parts["tokens"]["findAccessToken"] {
  return (hash) => {
    const found = tokens.findAccessToken(hash);
    const pending = settled();
    if (pending === null) return found;
    pending.catch(() => {});
    return found.then((token) => (worksForRunner(token) ? token : pending.then(() => token)));
  };
}

function worksForRunner(token: PresentedToken | null): boolean {
  return token !== null && token.holder.kind === "runner" && token.revokedAt === null;
}
