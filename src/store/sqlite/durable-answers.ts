import type { PresentedToken } from "../../domain/tokens/access-token.ts";
import { isPromise } from "../../lib/awaitable.ts";
import type { Store } from "../store.ts";
import type { CommitQueue } from "./commit-queue.ts";

type Commits = Pick<CommitQueue, "settled" | "length">;
/** The parts of a store that are made of methods. */
type Parts = Omit<Store, "healthy" | "vitals" | "close">;

/**
 * Has every answer of a store wait until all that it may have seen is on disk. A connection sees its own commits before
 * they are, and what left the process would not be true any more after a power cut. This is the one place for it, since
 * whatever leaves the process was read from the store first, or is in memory because it was.
 */
export function durableAnswers(parts: Parts, commits: Commits): Parts {
  const durable = Object.fromEntries(
    Object.entries(parts).map(([name, part]) => [name, methodsOf(part, commits)]),
  ) as unknown as Parts;
  return { ...durable, tokens: { ...durable.tokens, findAccessToken: tokenFinder(parts, commits) } };
}

/** They tell that something happened, and nothing of it. */
const neverHeld: ReadonlySet<string> = new Set(["onCommit", "changes", "mark", "revocationMark"]);

function methodsOf(part: object, commits: Commits): object {
  return Object.fromEntries(
    Object.entries(part).map(([name, method]) => [
      name,
      neverHeld.has(name) ? method : (...args: unknown[]) => held(() => method(...args), commits),
    ]),
  );
}

/** All reading is done when a method returns, what it returns at once was read by an earlier call: the moment to ask. */
function held(call: () => unknown, commits: Commits): unknown {
  const waiting = commits.length;
  const answer = call();
  // A write settles with a later commit than all that it has seen. Refused here, as a read is that waits too long, it would
  // be carried out all the same.
  if (commits.length !== waiting) return answer;
  const pending = commits.settled();
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
function tokenFinder({ tokens }: Parts, commits: Commits): Parts["tokens"]["findAccessToken"] {
  return (hash) => {
    const found = tokens.findAccessToken(hash);
    const pending = commits.settled();
    if (pending === null) return found;
    pending.catch(() => {});
    return found.then((token) => (worksForRunner(token) ? token : pending.then(() => token)));
  };
}

function worksForRunner(token: PresentedToken | null): boolean {
  return token !== null && token.holder.kind === "runner" && token.revokedAt === null;
}
