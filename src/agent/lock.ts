import { DatabaseSync } from "node:sqlite";
import { partOf } from "../lib/thrown.ts";
import { readCredential } from "./credential.ts";
import { AgentEndError, agentEnd } from "./end.ts";
import type { StateFiles } from "./state-files.ts";

const busy = 5; // SQLITE_BUSY, https://sqlite.org/rescode.html

/**
 * Makes this process the only agent of a state folder until `release` is called or the process ends, however it
 * ends. Node has no file locks of its own; an exclusive SQLite transaction on an empty file is a lock of the kernel.
 * @throws AgentEndError STATE_IN_USE when another agent holds it
 */
export function lockState(files: StateFiles): { release(): void } {
  const file = files.path("agent.lock");
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (partOf(error, "errcode") === busy) {
      const runnerId = readCredential(files)?.runnerId ?? "";
      const agent = runnerId === "" ? "another agent" : `the agent of runner ${runnerId}`;
      throw new AgentEndError(agentEnd("STATE_IN_USE", `${agent} holds the lock ${file}`));
    }
    throw error;
  }
  return { release: () => lock.close() };
}
