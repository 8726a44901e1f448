// The story of every generated client, told by connect-node over each protocol that it speaks.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { ViolationsSchema } from "./gen/buf/validate/validate_pb.js";
import { EventService, ResourceOperation, ResourceType } from "./gen/gitpod/v1/event_pb.js";
import { RunnerKind, RunnerProvider } from "./gen/gitpod/v1/runner_configuration_pb.js";
import { LogLevel, RunnerPhase, RunnerService } from "./gen/gitpod/v1/runner_pb.js";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";

const { ROLLCALL_URL: url = "", ROLLCALL_TOKEN: token = "" } = process.env;
const unknownId = "01900000-0000-7000-8000-000000000000";

/** What docs/clients.md shows: it registers a runner and lists all that the caller may see. */
async function firstRunners(): Promise<void> {
  // docs:begin
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", interceptors: [authorize] });
  const runners = createClient(RunnerService, transport);

  const { runner, exchangeToken } = await runners.createRunner({
    name: "build-1",
    provider: RunnerProvider.AWS_EC2,
  });
  process.stdout.write(`${runner?.runnerId} ${exchangeToken}\n`);

  for (const { runnerId, name, status } of (await runners.listRunners({})).runners) {
    process.stdout.write(`${runnerId} ${name} ${status?.phase}\n`);
  }
  // docs:end
}

class Story {
  readonly #runners: Client<typeof RunnerService>;
  readonly #events: Client<typeof EventService>;
  #first = "";

  constructor(transport: Transport) {
    this.#runners = createClient(RunnerService, transport);
    this.#events = createClient(EventService, transport);
  }

  async create(): Promise<void> {
    const { runner, exchangeToken } = await this.#newRunner("interop-1");
    assert.match(runner?.runnerId ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match(exchangeToken, /^rcexc_/);
    assert.equal(runner?.status?.phase, RunnerPhase.CREATED);
    assert.equal(runner?.kind, RunnerKind.REMOTE);
    this.#first = runner?.runnerId ?? "";
  }

  async get(): Promise<void> {
    const { runner } = await this.#runners.getRunner({ runnerId: this.#first });
    assert.equal(runner?.runnerId, this.#first);
    assert.equal(runner?.name, "interop-1");
    assert.equal(runner?.spec?.configuration?.region, "eu-central-1");
    assert.equal(runner?.spec?.configuration?.autoUpdate, true);
    assert.equal(runner?.spec?.configuration?.logLevel, LogLevel.UNSPECIFIED);
  }

  async list(): Promise<void> {
    const wanted = [this.#first];
    for (const name of ["interop-2", "interop-3"]) {
      wanted.push((await this.#newRunner(name)).runner?.runnerId ?? "");
    }
    const seen: string[] = [];
    let next = "";
    do {
      const page = await this.#runners.listRunners({ pagination: { pageSize: 2, token: next } });
      assert.ok(page.runners.length <= 2, `a page of ${page.runners.length}`);
      seen.push(...page.runners.map(({ runnerId }) => runnerId));
      next = page.pagination?.nextToken ?? "";
    } while (next !== "");
    for (const id of wanted) assert.equal(seen.filter((other) => other === id).length, 1, `listed ${id}`);
  }

  async watch(): Promise<void> {
    const leaving = new AbortController();
    const opened = Promise.withResolvers<void>();
    const stream = this.#events.watchEvents(
      { scope: { case: "organization", value: true } },
      { signal: leaving.signal, onHeader: () => opened.resolve() },
    );
    let renamed = false;
    const watching = (async () => {
      for await (const { resourceId, resourceType, operation } of stream) {
        renamed ||=
          resourceId === this.#first &&
          resourceType === ResourceType.RUNNER &&
          operation === ResourceOperation.UPDATE;
        if (renamed) leaving.abort();
      }
    })();
    // From the server's answer on no event is missed.
    await Promise.race([opened.promise, watching]);
    await this.#runners.updateRunner({ runnerId: this.#first, name: "interop-1 renamed" });
    const ended = await refusal(watching);
    assert.ok(renamed, `the stream ended without the event: ${ended.message}`);
    assert.equal(ended.code, Code.Canceled);
    const { runner } = await this.#runners.getRunner({ runnerId: this.#first });
    assert.equal(runner?.name, "interop-1 renamed");
  }

  async error(): Promise<void> {
    const short = await refusal(this.#runners.createRunner({ name: "ab" }));
    assert.equal(short.code, Code.InvalidArgument);
    const violations = short.findDetails(ViolationsSchema).flatMap((detail) => detail.violations);
    const paths = violations.map(({ field }) => field?.elements.map(({ fieldName }) => fieldName).join("."));
    assert.ok(paths.includes("name"), `no violation names the field: ${paths}`);

    const unknown = await refusal(this.#runners.getRunner({ runnerId: unknownId }));
    assert.equal(unknown.code, Code.NotFound);
    assert.equal(unknown.rawMessage, "runner not found");
    assert.equal(unknown.findDetails(ErrorInfoSchema)[0]?.reason, "RUNNER_NOT_FOUND");
  }

  #newRunner(name: string) {
    return this.#runners.createRunner({
      name,
      provider: RunnerProvider.AWS_EC2,
      spec: { configuration: { region: "eu-central-1", autoUpdate: true } },
    });
  }
}

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("the call was accepted");
}

/** Runs every step over one protocol, and says which one failed. */
async function tell(row: string, transport: Transport): Promise<void> {
  const story = new Story(transport);
  for (const step of ["create", "get", "list", "watch", "error"] as const) {
    try {
      await story[step]();
      process.stdout.write(`ok ${row} ${step}\n`);
    } catch (why) {
      process.stdout.write(`not ok ${row} ${step}: ${why}\n`);
      process.exitCode = 1;
      return;
    }
  }
}

const { version } = JSON.parse(readFileSync("node_modules/@connectrpc/connect-node/package.json", "utf8"));
process.stdout.write(`version @connectrpc/connect-node ${version}\n`);
try {
  await firstRunners();
} catch (why) {
  process.stdout.write(`not ok Connect-JSON 1.1 create: the documented lines: ${why}\n`);
  process.exit(1);
}
const options = {
  baseUrl: url,
  defaultTimeoutMs: 30_000,
  interceptors: [
    (next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    },
  ] satisfies Interceptor[],
};
await tell("gRPC 2", createGrpcTransport(options));
for (const httpVersion of ["2", "1.1"] as const) {
  const over = { ...options, httpVersion };
  await tell(`gRPC-Web ${httpVersion}`, createGrpcWebTransport(over));
  await tell(`Connect ${httpVersion}`, createConnectTransport({ ...over, useBinaryFormat: true }));
  await tell(`Connect-JSON ${httpVersion}`, createConnectTransport({ ...over, useBinaryFormat: false }));
}
