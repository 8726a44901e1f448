import { expect, test } from "vitest";
import { ResourceType } from "../../src/domain/access/resources.ts";
import type { IssuedToken, KeyStore } from "../../src/store/key-store.ts";
import { IssueLog } from "../../src/upkeep/issue-log.ts";
import { testClock } from "../support/clock.ts";
import { capturedLog } from "../support/log.ts";
import { byUser } from "../support/records.ts";

const clock = testClock();

function fixture(recordIssues: KeyStore["recordIssues"]) {
  const log = capturedLog();
  const issues = new IssueLog({ keys: { recordIssues }, clock, log: log.log });
  const ask = (subjectId: string) =>
    issues.record({
      tokenId: subjectId,
      audience: "sts.example",
      token: {
        by: byUser(subjectId, "organisation"),
        action: "id_token.create",
        subjectType: ResourceType.USER,
        subjectId,
        now: clock.now(),
      },
    });
  return { log, issues, ask };
}

/** Each asks for three tokens. */
async function askAll(ask: (subjectId: string) => Promise<void>, callers: number): Promise<void> {
  const subjects = Array.from({ length: callers }, (_, n) => `user-${n}`);
  for (const subject of [...subjects, ...subjects, ...subjects]) await ask(subject);
}

test("the counts of an hour are written some hundred at a time, and each once", async () => {
  const writes: (readonly IssuedToken[])[] = [];
  const { issues, ask } = fixture(async (tokens) => void writes.push(tokens));
  await askAll(ask, 1200);
  expect(writes.map(({ length }) => length)).toEqual(Array.from({ length: 1200 }, () => 1));
  writes.length = 0;
  await issues.stop();
  expect(writes.map(({ length }) => length)).toEqual([500, 500, 200]);
  expect(new Set(writes.flat().map(({ subjectId }) => subjectId)).size).toBe(1200);
  expect(new Set(writes.flat().map(({ action }) => action))).toEqual(new Set(["id_token.create +2"]));
  await issues.stop();
  expect(writes).toHaveLength(3);
});

test("counts that cannot be written are told in the log, and keep no others from it", async () => {
  let left = 700;
  const written: IssuedToken[] = [];
  const { log, issues, ask } = fixture(async (tokens) => {
    left -= tokens.length;
    if (left < 0 && left > -600) throw new Error("disk full");
    written.push(...tokens);
  });
  await askAll(ask, 700);
  written.length = 0;
  await issues.stop();
  expect(log.lines()).toMatchObject([
    { msg: "signed tokens could not be counted", entries: 500, more: 1000, err: { message: "disk full" } },
  ]);
  expect(written).toHaveLength(200);
});
