import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunnerConfigurationService, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { runCommand } from "../../src/cli/command.ts";
import { keyRunner } from "../support/keyed-runner.ts";
import { newUser } from "../support/people.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import { fakeTerminal } from "../support/terminal.ts";

let server: TestServer;
let dir: string;
let tokenFile: string;
beforeEach(async () => {
  server = await startTestServer();
  dir = mkdtempSync(join(tmpdir(), "rollcall-cli-"));
  tokenFile = join(dir, "token");
  writeFileSync(tokenFile, `${adminToken}\n`);
});
afterEach(async () => {
  rmSync(dir, { recursive: true });
  await server.close();
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs words as a shell would, with nothing but `environment` around them. */
async function run(words: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const terminal = fakeTerminal({ environment: { XDG_DATA_HOME: dir, ...environment } });
  const code = await runCommand(words, terminal);
  return { code, out: terminal.printed.join("\n"), err: terminal.warned.join("\n") };
}

const admin = (...words: string[]) =>
  run(["admin", ...words, "--server", server.url, "--token-file", tokenFile]);

async function json(...words: string[]) {
  const { code, out, err } = await admin(...words, "--output", "json");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out);
}

/** A page's worth of rows and more. */
const overAPage = 101;

describe("rollcall admin", () => {
  test("does what operators do, from an organisation to its keys", async () => {
    const made = await json(
      ...[
        "organizations",
        "create",
        "--name",
        "acme",
        "--admin-name",
        "Ada",
        "--admin-email",
        "ada@acme.example",
      ],
    );
    expect(made.token).toMatch(/^rcpat_/);
    const organization = made.organization.id;
    const { user } = await json(
      ...[
        "users",
        "create",
        "--organization",
        organization,
        "--name",
        "Bob",
        "--email",
        "bob@acme.example",
        "--admin",
      ],
    );
    const users = await json("users", "list", "--organization", organization);
    expect(users.map(({ name }: { name: string }) => name)).toEqual(["Bob", "Ada"]);
    const minted = await json(
      "users",
      "token",
      user.id,
      "--days",
      "7",
      "--read-only",
      "--description",
      "try",
    );
    expect(minted.personalAccessToken).toMatchObject({ userId: user.id, readOnly: true, description: "try" });
    expect((await json("users", "suspend", user.id)).user.status).toBe("USER_STATUS_SUSPENDED");
    expect((await json("users", "resume", user.id)).user.status).toBe("USER_STATUS_ACTIVE");

    const { runnerManager } = await json("runner-managers", "create", "--name", "rack-7");
    expect(await json("runner-managers", "list")).toMatchObject([{ id: runnerManager.id, name: "rack-7" }]);
    await json("runner-managers", "delete", runnerManager.id);
    expect(await json("runner-managers", "list")).toEqual([]);

    const { gateway } = await json("gateways", "create", "--name", "eu", "--url", "https://gw.example");
    expect(await json("gateways", "list")).toMatchObject([{ id: gateway.id, url: "https://gw.example" }]);
    await json("gateways", "delete", gateway.id);

    const { signingKey } = await json("keys", "rotate");
    await json("keys", "rotate", "--compromised");
    const keys = await json("keys", "list");
    expect(keys).toHaveLength(1);
    expect(keys[0].id).not.toBe(signingKey.id);
  });

  test("lists members and what is set up on runners, of all or of one", async () => {
    const runners = server.client(RunnerService);
    const configuration = server.client(RunnerConfigurationService);
    const made = [];
    for (const name of ["one", "two"]) {
      const { runner, exchangeToken } = await runners.createRunner({
        name,
        provider: RunnerProvider.AWS_EC2,
      });
      const runnerId = runner?.runnerId ?? "";
      await keyRunner(server, exchangeToken);
      const { id } = await configuration.createEnvironmentClass({
        ...{ runnerId, displayName: "Large", description: "A large one" },
      });
      const host = "github.com";
      const { id: scm } = await configuration.createSCMIntegration({
        runnerId,
        scmId: "github",
        host,
        pat: true,
      });
      const { id: llm } = await configuration.createLLMIntegration({ runnerId, models: [1] });
      const { token } = await configuration.createHostAuthenticationToken({
        runnerId,
        host,
        token: "t",
        source: 2,
      });
      made.unshift({
        runnerId,
        ids: {
          "environment-classes": id,
          "scm-integrations": scm,
          "llm-integrations": llm,
          "host-tokens": token?.id,
        },
      });
    }
    for (const kind of [
      "environment-classes",
      "scm-integrations",
      "llm-integrations",
      "host-tokens",
    ] as const) {
      const idsOf = async (...words: string[]) =>
        (await json(kind, "list", ...words)).map(({ id }: { id: string }) => id);
      expect(await idsOf()).toEqual(made.map(({ ids }) => ids[kind]));
      expect(await idsOf("--runner", made[1]?.runnerId ?? "")).toEqual([made[1]?.ids[kind]]);
    }
    expect(await json("members", "list")).toMatchObject([{ role: "ORGANIZATION_ROLE_ADMIN" }]);
  });

  test("prints a table that fits its cells, and lines for what it made", async () => {
    const { out: made } = await admin("gateways", "create", "--name", "eu", "--url", "https://gw.example");
    expect(made).toMatch(/^gateway\.name +eu$/m);
    const { out } = await admin("gateways", "list");
    const [heading = "", row = ""] = out.split("\n");
    expect(heading).toMatch(/^ID +NAME +URL +REGION +ORGANIZATION$/);
    expect(row.indexOf("https://gw.example")).toBe(heading.indexOf("URL"));
    expect(row).toMatch(/ - /);
  });

  test("lists beyond the first page", async () => {
    for (let i = 0; i < overAPage; i++) {
      await server.post("rollcall.v1.AdminService/CreateRunnerManager", { name: `manager ${i}` });
    }
    const names = (await json("runner-managers", "list")).map(({ name }: { name: string }) => name);
    expect(new Set(names).size).toBe(overAPage);
    expect(names[0]).toBe(`manager ${overAPage - 1}`);
  });

  test("does not let a name steer the terminal", async () => {
    await server.post("rollcall.v1.AdminService/CreateRunnerManager", { name: "\u001b[2Jgone\n\u202e" });
    const { out } = await admin("runner-managers", "list");
    expect(out).toContain("?[2Jgone??");
    expect(out.split("\n")).toHaveLength(2);
  });

  test("takes server and token from the environment, or the token that a server here left", async () => {
    const environment = { ROLLCALL_URL: server.url, ROLLCALL_TOKEN_FILE: tokenFile };
    expect((await run(["admin", "users", "list"], environment)).code).toBe(0);
    const direct = { ROLLCALL_URL: server.url, ROLLCALL_TOKEN: adminToken };
    expect((await run(["admin", "users", "list"], direct)).code).toBe(0);
    writeFileSync(join(dir, "admin-token"), adminToken);
    const here = { ROLLCALL_URL: server.url, ROLLCALL_DATA_DIR: dir };
    expect((await run(["admin", "users", "list"], here)).code).toBe(0);
  });

  test("says what went wrong, and ends with another code", async () => {
    const unknown = await admin("users", "suspend", "019ab3c2-6f0e-7a10-8d2b-5a4f1c7e9b00");
    expect(unknown).toEqual({ code: 1, out: "", err: "rollcall: user not found (not_found)" });
    const member = await newUser(server);
    writeFileSync(tokenFile, member.token);
    const refused = await admin("users", "list");
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toBe("rollcall: this takes an operator of the server (permission_denied)");
    for (const words of [
      ["users", "token", member.id, "--days", "91"],
      ["users", "create", "--name", "x"],
      ["users", "list", "--output", "xml"],
      ["users", "suspend"],
    ]) {
      expect([words, (await admin(...words)).code]).toEqual([words, 2]);
    }
    expect((await run(["admin", "users", "list", "--server", "ftp://x"])).err).toMatch(/http or https/);
    const gone = ["--server", server.url, "--token-file", join(dir, "missing")];
    expect((await run(["admin", "users", "list", ...gone])).err).toMatch(/ENOENT.*missing/);
  });

  test("does not take another server for a Rollcall server", async () => {
    const other = http.createServer((_request, response) => response.end("<html>hello</html>"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { code, err } = await run(["admin", "users", "list", "--server", url, "--token-file", tokenFile]);
    expect([code, err]).toEqual([1, `rollcall: ${url} does not answer like a Rollcall server (HTTP 200)`]);
    await new Promise((resolve) => other.close(resolve));
  });

  test("explains itself, down to each command, with examples", async () => {
    for (const words of [["admin"], ["admin", "users"], ["admin", "keys", "rotate"]]) {
      const { code, out } = await run([...words, "--help"]);
      expect(code).toBe(0);
      expect(out).toMatch(/Examples:\n {2}rollcall admin/);
    }
  });
});
