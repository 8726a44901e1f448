import { serveWrites } from "../../../src/store/sqlite/engine/writer-thread.ts";

// The thread of writer.ts: it has a small table, and a checkpoint often.

serveWrites(
  ({ connection: { $client: client }, commits }) => {
    client.pragma("wal_autocheckpoint = 40");
    const insert = client.prepare("INSERT INTO kept VALUES (?, randomblob(300))");
    const add = client.prepare("UPDATE total SET writes = writes + 1");
    return {
      rows: {
        add: (id: string) =>
          commits.run(() => {
            insert.run(id);
            add.run();
          }),
      },
    };
  },
  () => () => 0,
);
