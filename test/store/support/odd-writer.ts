import { serveWrites } from "../../../src/store/sqlite/engine/writer-thread.ts";
import { newestEvent } from "../../../src/store/sqlite/journal/newest-event.ts";

// The script of a thread that writes, with methods that no store should have.

serveWrites(({ connection, commits }) => {
  const note = (id: string) =>
    connection.$client
      .prepare("INSERT INTO longest_leases (provider, lease_ms) VALUES (?, 1)")
      .run(Number(id));
  return {
    odd: {
      plain: (id: string) => commits.run(() => void note(id)),
      unsendable: (id: string) =>
        commits.run(() => {
          note(id);
          return { deep: [() => id] };
        }),
      twice(id: string) {
        commits.run(() => note(id));
        return commits.run(() => note(`${id}1`));
      },
    },
  };
}, newestEvent);
