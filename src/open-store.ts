import { runnerCodecs } from "./rpc/messages/runner.ts";
import { openSqliteStore } from "./store/sqlite/store.ts";
import type { Store } from "./store/store.ts";

/**
 * Opens the store of a server, or of a tool beside it: the one place that says which database it is.
 * @throws StoreRefusedError with a message for the operator.
 */
export function openStore(file: string, role: "server" | "tool"): Store {
  return openSqliteStore({ file, codecs: runnerCodecs, role });
}
