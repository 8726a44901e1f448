import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toJsonString } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EventService, WatchEventsResponseSchema } from "../../gen/gitpod/v1/event_pb.js";
import { clientsOf } from "../support/clients.ts";
import { listening, startCommand } from "../support/command.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { plainRequest, postJson } from "../support/http.ts";
import { startCollector } from "../telemetry/collector.ts";
import { mintAll, mintExpired } from "./minting.ts";
import { misuse } from "./misuse.ts";
import { found, type Secret, secretOf } from "./needles.ts";

/** Where no secret may be. Files that are there to hold one, and answers that show one once, are not among them. */
const places = [
  "log",
  "standard output",
  "answers that list",
  "audit log",
  "events",
  "metrics",
  "metrics of runners",
  "metrics port",
  "traces",
  "database files of the running server",
  "database files of the stopped server",
  "backup",
  "names of files",
  "command line",
  "output of commands",
] as const;

const folder = mkdtempSync(join(tmpdir(), "rollcall-hunt-"));
const dataDir = join(folder, "data");
/** A hunted secret too: it is in the environment of the server, and nowhere else. */
const adminToken = 'admin-token-"of"-the-environment%2B';
const finds = new Map<(typeof places)[number], Buffer>();
const secrets: Secret[] = [secretOf("admin token of the environment", adminToken)];

/** Secrets in answers to those who had sent others. */
const strayed: string[] = [];

/** Ends what a hunt that failed midway has left running. */
let stop = () => {};

const note = (place: (typeof places)[number], ...texts: (string | Buffer)[]) =>
  finds.set(place, Buffer.concat([finds.get(place) ?? Buffer.alloc(0), ...texts.map((t) => Buffer.from(t))]));
const databaseFiles = () =>
  readdirSync(dataDir)
    .filter((name) => !["server.key", "admin-token", "control.sock"].includes(name))
    .map((name) => readFileSync(join(dataDir, name)));

/** The first start leaves its token in a file: what else it writes is hunted through. */
async function firstStart(): Promise<void> {
  const server = startCommand(["serve", "--port", "0", "--data-dir", dataDir, "--log-level", "debug"]);
  await listening(server);
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  secrets.push(secretOf("first admin token", readFileSync(join(dataDir, "admin-token"), "utf8").trim()));
  note("log", server.stderr());
  note("standard output", server.stdout());
  secrets.push(await mintExpired(dataDir));
}

async function runAll(url: string): Promise<void> {
  const tokenFile = join(folder, "operator-token");
  writeFileSync(tokenFile, adminToken);
  const here = ["--data-dir", dataDir];
  const api = ["--server", url, "--token-file", tokenFile];
  const backup = join(folder, "backup.db");
  for (const words of [
    ["backup", backup, ...here],
    ["check", ...here],
    ["check", "--file", backup, ...here],
    ["config", ...here],
    ["stale", ...here],
    ["token", "list", "--output", "json", ...here],
    ["token", "list", ...here],
    ["audit", "--output", "json", "--limit", "1000", ...here],
    ["audit", ...here],
    ["admin", "users", "list", "--output", "json", ...api],
    ["admin", "organizations", "list", ...api],
    ["admin", "keys", "list", "--output", "json", ...api],
    ["admin", "keys", "rotate", ...api],
  ]) {
    const { code, stdout, stderr } = await runInProcess(words, { ROLLCALL_ADMIN_TOKEN: adminToken });
    expect([words, code, stderr]).toEqual([words, 0, words[0] === "backup" ? expect.anything() : ""]);
    note("output of commands", stdout, stderr);
  }
  note("backup", readFileSync(backup));
}

beforeAll(async () => {
  await firstStart();
  const collector = await startCollector();
  const server = startCommand(
    [
      ...["serve", "--port", "0", "--metrics-port", "0", "--data-dir", dataDir, "--log-level", "debug"],
      ...["--otlp-endpoint", collector.url, "--rate-limit-token", "0", "--rate-limit-address", "0"],
    ],
    // However long this takes, the runner stays live, and with it what it reported.
    { ROLLCALL_ADMIN_TOKEN: adminToken, ROLLCALL_RENEW_GRACE: "3600" },
  );
  stop = () => void server.process.kill("SIGKILL");
  const url = await listening(server);
  note("command line", readFileSync(`/proc/${server.process.pid}/cmdline`));
  const clients = clientsOf(url);
  const leave = new AbortController();
  const watching = (async () => {
    const watch = clients.client(EventService, { token: adminToken });
    for await (const event of watch.watchEvents({}, { signal: leave.signal })) {
      note("events", toJsonString(WatchEventsResponseSchema, event));
    }
  })().catch(() => {});

  const authorization = `Bearer ${adminToken}`;
  const { secrets: minted } = await mintAll({ url, dataDir, adminToken });
  // At once: they age.
  const runners = await plainRequest(`${url}/metrics/runners`, { headers: { authorization } });
  note("metrics of runners", runners.text);
  secrets.push(...minted);
  for (const { name, value } of secrets) {
    // Bytes that are no text would not pass as a header.
    const text = name === "server key" ? value.toString("hex") : value.toString();
    const answers = await misuse(url, clients, adminToken, text);
    // Whoever sends a secret may be told what was wrong with it, and nothing of any other.
    const others = secrets.filter((one) => one.name !== name);
    strayed.push(...found(answers, others));
  }

  for (const method of [
    ...["RunnerService/ListRunners", "UserService/ListPersonalAccessTokens", "GatewayService/ListGateways"],
    ...["ServiceAccountService/ListServiceAccounts", "ServiceAccountService/ListServiceAccountTokens"],
    ...[
      "RunnerConfigurationService/ListSCMIntegrations",
      "RunnerConfigurationService/ListLLMIntegrations",
      "RunnerConfigurationService/ListHostAuthenticationTokens",
    ],
  ]) {
    note("answers that list", (await postJson(url, `gitpod.v1.${method}`, {}, { authorization })).text);
  }
  const audit = await postJson(url, "gitpod.v1.EventService/ListAuditLogs", {}, { authorization });
  note("audit log", audit.text);
  note("metrics", (await plainRequest(`${url}/metrics`, { headers: { authorization } })).text);
  const [, metricsUrl = ""] = /"(http:\/\/[^"]+\/metrics)"/.exec(server.stderr()) ?? [];
  note("metrics port", (await plainRequest(metricsUrl)).text);
  await runAll(url);
  note("database files of the running server", ...databaseFiles());
  leave.abort();
  await watching;
  clients.close();
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  note("log", server.stderr());
  note("standard output", server.stdout());
  note("database files of the stopped server", ...databaseFiles());
  note("traces", JSON.stringify([collector.spans, collector.requests]));
  note("names of files", [...readdirSync(folder), ...readdirSync(dataDir)].join("\n"));
  await collector.close();
});
afterAll(() => {
  stop();
  rmSync(folder, { recursive: true });
});

test.each(places)("no secret is in: %s", (place) => {
  const text = finds.get(place) ?? Buffer.alloc(0);
  expect(text.length).toBeGreaterThan(0);
  expect(found(text, secrets)).toEqual([]);
});

test("an answer to misuse holds no secret but the one that was sent", () => expect(strayed).toEqual([]));

test("the hunt finds a secret in each of its forms, and in the two files that are there to hold one", () => {
  for (const { name, forms } of secrets) {
    for (const [form, bytes] of forms) {
      expect(found(Buffer.concat([Buffer.from("~"), bytes, Buffer.from("~")]), secrets)).toContain(
        `${name} (${form})`,
      );
    }
  }
  expect(found(readFileSync(join(dataDir, "server.key")), secrets)).toEqual(["server key (hex)"]);
  expect(found(readFileSync(join(dataDir, "admin-token")), secrets)).toContain("first admin token (plain)");
});
