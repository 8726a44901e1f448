import { type MessagePort, parentPort, receiveMessageOnPort } from "node:worker_threads";
import { type IdSource, uuidv7Source } from "../../../lib/ids.ts";
import { Claims } from "./claims.ts";
import { CommitQueue, type Commits, type Job } from "./commit-queue.ts";
import { DiskTrouble } from "./disk-trouble.ts";
import { type Connection, openWriter } from "./open.ts";
import {
  type Answer,
  type ChangeCounts,
  type Commit,
  type FromWriter,
  packError,
  type Thrown,
  type ToWriter,
  type WriteBatch,
  type WriteCall,
  type WriterSetup,
} from "./writer-messages.ts";

/** Writes in one commit at most, so that the first of a burst does not wait for all of it. */
const limit = 512;

/** What the thread's copy of a store is made of. */
export interface WriterContext<Settings> {
  readonly connection: Connection;
  readonly commits: Commits;
  readonly newId: IdSource;
  readonly counts: ChangeCounts;
  readonly settings: Settings;
  /** To be told of each runner whose row changes. */
  readonly onRunnerChange: (id: string) => void;
}

type Methods = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

/**
 * Makes this thread one that writes: to one database after the other, each from its setup until it is told to close. Called
 * once, by the script of the thread.
 * @param build the parts of the store, whose methods are called by name
 * @param newestEvent what reads the sequence of the file's newest event
 */
export function serveWrites<Settings>(
  build: (context: WriterContext<Settings>) => object,
  newestEvent: (connection: Connection) => () => number,
): void {
  if (parentPort === null) throw new Error("writes are served in a thread of their own");
  const port = parentPort;
  let writing: DatabaseWriter | null = null;
  port.on("message", (message: ToWriter) => {
    if (message !== "close" && "file" in message) writing = writeTo(message, port, build, newestEvent);
    // Nothing is kept of a database that was let go of.
    else if (writing?.(message) === "closed") writing = null;
  });
}

/** Takes each message about one database, in the order in which they came. @returns `"closed"` when it was the last */
type DatabaseWriter = (message: WriteBatch | "close") => "closed" | "open";

function writeTo<Settings>(
  { file, claims, durable, settings }: WriterSetup,
  port: MessagePort,
  build: (context: WriterContext<Settings>) => object,
  newestEvent: (connection: Connection) => () => number,
): DatabaseWriter {
  const connection = openWriter(file, durable);
  const newest = newestEvent(connection);
  const counts = { events: newest(), access: 0, revocations: 0 };
  let changedRunners: string[] = [];
  let trouble: Thrown | null | undefined;
  let now = 0;
  let begun = false;
  const parts = build({
    connection,
    commits: {
      // There is a transaction around the call already: the work runs at once, and its result is the method's.
      run(work) {
        if (begun) throw new Error("a method of the store makes one write: commits.run was called twice");
        begun = true;
        return work() as never;
      },
      onCommit: () => () => {},
    },
    // Ids begin with the time, which is the main thread's.
    newId: uuidv7Source({ now: () => now, monotonic: () => now }),
    counts,
    settings: settings as Settings,
    onRunnerChange: (id) => void changedRunners.push(id),
  }) as Readonly<Record<string, Methods>>;
  const queue = new CommitQueue(
    connection.$client,
    new Claims(claims),
    new DiskTrouble(connection.$client, (told) => {
      trouble = told && packError(told);
    }),
  );
  const waiting: Job[] = [];
  let closing = false;
  let failed = false;

  function jobOf({ slot, part, method, args }: WriteCall): Job {
    const work = () => {
      begun = false;
      return parts[part]?.[method]?.(...args);
    };
    return { slot, work };
  }

  function accept(message: WriteBatch | "close"): void {
    if (message === "close") closing = true;
    else for (const call of onTime(message).calls) waiting.push(jobOf(call));
  }

  function onTime(batch: WriteBatch): WriteBatch {
    now = batch.now;
    return batch;
  }

  /** All that has arrived by now shares the next commit. */
  function acceptRest(): void {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      accept(next.message);
    }
  }

  function commitOnce(): void {
    const from = performance.now();
    const { outcomes, writes, syncFailure } = queue.commit(waiting.splice(0, limit));
    failed = syncFailure !== undefined;
    if (writes > 0) counts.events = newest();
    const answer: Commit = {
      answers: outcomes.map(
        (outcome): Answer =>
          outcome.kind === "refused" ? { ...outcome, error: packError(outcome.error) } : outcome,
      ),
      writes,
      seconds: (performance.now() - from) / 1000,
      counts: { ...counts },
      changedRunners,
      ...(trouble !== undefined && { trouble }),
      ...(failed && { syncFailure: packError(syncFailure) }),
    };
    changedRunners = [];
    trouble = undefined;
    try {
      port.postMessage(answer);
    } catch {
      port.postMessage({ ...answer, answers: answer.answers.map(sendable) } satisfies Commit);
    }
  }

  // Its first word: it is there.
  const ready: Commit = { answers: [], writes: 0, seconds: 0, counts: { ...counts }, changedRunners: [] };
  port.postMessage(ready);
  return (message) => {
    accept(message);
    acceptRest();
    // After a sync that failed nothing is written, and nothing closed: the last one to close a database makes a checkpoint,
    // and would take for written what the kernel has only in memory.
    while (waiting.length > 0 && !failed) {
      commitOnce();
      acceptRest();
    }
    if (!closing || failed) return "open";
    connection.$client.close();
    port.postMessage("closed" satisfies FromWriter);
    return "closed";
  };
}

/** The answer itself, or an error in its place where it holds what no thread can tell another, such as a function. */
function sendable(answer: Answer): Answer {
  try {
    structuredClone(answer);
    return answer;
  } catch (cause) {
    const why = Error.isError(cause) ? cause.message : String(cause);
    const error = new Error(`the write was made, and what came of it cannot be told: ${why}`);
    return { slot: answer.slot, kind: "refused", error: packError(error) };
  }
}
