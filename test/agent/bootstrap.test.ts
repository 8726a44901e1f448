import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { agentProtocols, openConnection } from "../../src/agent/index.ts";
import { printed, startProcess } from "../support/command.ts";
import { until } from "../support/eventually.ts";
import { Bench } from "./support/bench.ts";
import { refusal, runnerId, unavailable } from "./support/fake-server.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(() => bench.close());

const stored = (name: string): string => readFileSync(join(bench.stateDir, name), "utf8");

test("exchanges once, keeps what it got for itself alone, and needs no token after a restart", async () => {
  const first = bench.start();
  await until("first renewal", () => bench.server.renewals.length === 1);
  expect((await first.stop()).exitCode).toBe(0);
  for (const name of ["credential.json", "private-key.pem"]) {
    expect(statSync(join(bench.stateDir, name)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(bench.stateDir).mode & 0o777).toBe(0o700);
  expect(readdirSync(bench.stateDir).sort()).toEqual(["agent.lock", "credential.json", "private-key.pem"]);
  expect(JSON.parse(stored("credential.json"))).toMatchObject({ accessToken: "access-1", runnerId });

  rmSync(bench.tokenFile);
  bench.start();
  await until("renewal of the next process", () => bench.server.renewals.length === 2);
  expect(bench.server.keys).toHaveLength(1);
  const [one, two] = bench.server.renewals;
  expect(two).toMatchObject({ generation: 0, runnerId });
  expect(one?.status?.publicKey).toHaveLength(32);
  expect(two?.status?.publicKey).toEqual(one?.status?.publicKey);
});

test("asks again with the same key when the answer is lost", async () => {
  bench.server.exchange = () => {
    if (bench.server.keys.length === 1) throw unavailable();
    return "access-second";
  };
  const agent = bench.start();
  await until("first exchange", () =>
    bench.log.some(({ message }) => message.startsWith("could not exchange")),
  );
  await agent.time.advance(1_000);
  await until("renewal", () => bench.server.renewals.length === 1);
  expect(bench.server.keys).toHaveLength(2);
  expect(bench.server.keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(bench.server.keys[1]).toBe(bench.server.keys[0]);
  expect(bench.server.renewedWith).toEqual(["Bearer access-second"]);
});

test("a process that died before it saved the answer is replaced by one that uses the same key", async () => {
  bench.server.exchange = () => {
    throw unavailable();
  };
  const died = bench.start();
  await until("first exchange", () => bench.server.keys.length === 1);
  expect(existsSync(join(bench.stateDir, "exchange.json"))).toBe(true);
  expect((await died.stop()).kind).toBe("STOPPED");
  bench.server.exchange = () => "access-late";
  bench.start();
  await until("renewal", () => bench.server.renewals.length === 1);
  expect(new Set(bench.server.keys).size).toBe(1);
});

test("another token in the token file bootstraps anew, with another key", async () => {
  const first = bench.start();
  await until("first renewal", () => bench.server.renewals.length === 1);
  await first.stop();
  writeFileSync(bench.tokenFile, "exchange-two");
  bench.start();
  await until("second renewal", () => bench.server.renewals.length === 2);
  expect(new Set(bench.server.keys).size).toBe(2);
  expect(bench.server.renewedWith[1]).toBe("Bearer access-2");
});

test("a token of another runner does not take the state folder, and is not lost", async () => {
  const first = bench.start();
  await until("first renewal", () => bench.server.renewals.length === 1);
  await first.stop();
  const [credential, key] = [stored("credential.json"), stored("private-key.pem")];
  const otherId = "01890a5d-ac96-774b-bcce-000000000002";
  bench.server.identity = () => otherId;
  writeFileSync(bench.tokenFile, "exchange-of-the-other");
  for (const exchanges of [2, 2]) {
    const end = await bench.start().end;
    expect(end).toMatchObject({ kind: "WRONG_RUNNER", exitCode: 16 });
    for (const named of [runnerId, otherId, bench.stateDir, "--state-dir"])
      expect(end.message).toContain(named);
    expect(bench.server.keys).toHaveLength(exchanges);
  }
  expect([stored("credential.json"), stored("private-key.pem")]).toEqual([credential, key]);
  expect(bench.server.renewals).toHaveLength(1);

  const folder = readdirSync(bench.stateDir).find((name) => name.startsWith("other-")) ?? "";
  bench.start({}, { stateDir: join(bench.stateDir, folder) });
  await until("renewal of the other", () => bench.server.renewals.length === 2);
  expect(bench.server.renewals[1]).toMatchObject({ runnerId: otherId });
  expect(bench.server.renewedWith[1]).toBe("Bearer access-2");
  expect(bench.server.keys).toHaveLength(2);
});

test("does not decide whose folder it is before the server says whose token it has", async () => {
  const first = bench.start();
  await until("first renewal", () => bench.server.renewals.length === 1);
  await first.stop();
  bench.server.identity = () => {
    throw unavailable();
  };
  writeFileSync(bench.tokenFile, "exchange-two");
  const second = bench.start();
  await until("asked", () => bench.log.some(({ message }) => message.startsWith("could not ask whose")));
  expect(JSON.parse(stored("credential.json"))).toMatchObject({ accessToken: "access-1" });
  bench.server.identity = () => runnerId;
  await second.time.advance(1_000);
  await until("second renewal", () => bench.server.renewals.length === 2);
  expect(JSON.parse(stored("credential.json"))).toMatchObject({ accessToken: "access-2", runnerId });
});

test.each(agentProtocols.flatMap((protocol) => [401, 403, 404].map((status) => ({ protocol, status }))))(
  "outlasts a proxy that answers $status before the server is up, over $protocol, at its exchange and at a reboot",
  async ({ protocol, status }) => {
    const connect = () => ({ connection: openConnection({ server: bench.server.url, protocol }) });
    for (const [count, complaint] of [
      [1, "could not exchange"],
      [2, "could not renew"],
    ] as const) {
      bench.server.proxyStatus = status;
      const agent = bench.start({}, connect());
      await until(complaint, () => bench.log.some(({ message }) => message.startsWith(complaint)));
      expect(bench.server.renewals).toHaveLength(count - 1);
      bench.server.proxyStatus = null;
      await agent.time.advance(1_000);
      await until("renewal", () => bench.server.renewals.length === count);
      await agent.stop();
    }
    expect(bench.server.keys).toHaveLength(1);
  },
);

test.each(["UNKNOWN", "USED", "EXPIRED"])(
  "a refused exchange token (%s) ends it with code 13",
  async (why) => {
    bench.server.exchange = () => {
      throw refusal(`EXCHANGE_TOKEN_${why}`, Code.Unauthenticated);
    };
    const end = await bench.start().end;
    expect(end).toMatchObject({ kind: `EXCHANGE_TOKEN_${why}`, exitCode: 13 });
    expect(end.message).toContain("token file");
  },
);

test.each([
  ["token", "two words", /one exchange token and nothing else/],
  ["token", "", /one exchange token and nothing else/],
  ["token", `rcpat_${"a".repeat(49)}`, /access token/],
  ["token", `rcexc_${"a".repeat(48)}`, /incomplete or mistyped/],
  ["state/credential.json", '{"accessToken": 7}', /damaged/],
  ["state/credential.json", '{"accessToken":"a b","exchangeTokenHash":"","runnerId":""}', /damaged/],
  ["state/credential.json", "\0\0\0", /damaged/],
  ["state/private-key.pem", "-----BEGIN PRIVATE KEY-----\n", /X25519/],
])("says what is wrong with %s holding %j", async (name, text, message) => {
  mkdirSync(bench.stateDir);
  writeFileSync(join(bench.dir, name), text);
  const end = await bench.start().end;
  expect(end).toMatchObject({ kind: "STATE_UNUSABLE", exitCode: 20 });
  expect(end.message).toMatch(message);
  expect(bench.server.keys).toEqual([]);
});

test("a damaged note of an exchange is replaced", async () => {
  mkdirSync(bench.stateDir);
  writeFileSync(join(bench.stateDir, "exchange.json"), "{");
  bench.start();
  await until("renewal", () => bench.server.renewals.length === 1);
});

test("without a token file and without an earlier access token it says so", async () => {
  rmSync(bench.tokenFile);
  expect((await bench.start().end).message).toMatch(/no such file/);
});

test("a state folder serves one agent at a time", async () => {
  bench.start();
  await until("first renewal", () => bench.server.renewals.length === 1);
  const second = await bench.start().end;
  expect(second).toMatchObject({ kind: "STATE_IN_USE", exitCode: 19 });
  expect(second.message).toContain(`the agent of runner ${runnerId}`);
  expect(second.message).toContain("--state-dir");
  expect(bench.server.renewals).toHaveLength(1);
});

test("a killed agent leaves its state folder free", async () => {
  mkdirSync(bench.stateDir);
  const script = `const { lockState } = await import(${JSON.stringify(`${process.cwd()}/src/agent/lock.ts`)});
    const { StateFiles } = await import(${JSON.stringify(`${process.cwd()}/src/agent/state-files.ts`)});
    // Kept: a lock that nobody refers to any more is collected, and let go with it.
    globalThis.held = lockState(new StateFiles(${JSON.stringify(bench.stateDir)})); process.stdout.write("held");
    setInterval(() => {}, 1000);`;
  const holder = startProcess(process.execPath, ["--input-type=module", "-e", script]);
  await printed(holder, "stdout", /held/);
  expect((await bench.start().end).kind).toBe("STATE_IN_USE");
  holder.process.kill("SIGKILL");
  await holder.exited;
  bench.start();
  await until("renewal", () => bench.server.renewals.length === 1);
});
