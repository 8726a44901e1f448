import { DatabaseSync } from "node:sqlite";
import { AgentEndError, agentEnd } from "./end.ts";
import { partOf } from "./thrown.ts";

const busy = 5; // SQLITE_BUSY, https://sqlite.org/rescode.html

/**
 * Makes this process the only agent of a state folder until `release` is called or the process ends, however it
 * ends. Node has no file locks of its own; an exclusive SQLite transaction on an empty file is a lock of the kernel.
 * @throws AgentEndError STATE_IN_USE when another agent holds it
 */
export function lockState(file: string): { release(): void } {
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (partOf(error, "errcode") === busy) {
      throw new AgentEndError(agentEnd("STATE_IN_USE", `another agent uses the lock ${file}`));
    }
    throw error;
  }
  return { release: () => lock.close() };
}
