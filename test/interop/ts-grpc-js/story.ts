// The story of every generated client, told by grpc-js with the stubs of ts-proto.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { Violations } from "./gen/buf/validate/validate.js";
import {
  EventServiceClient,
  ResourceOperation,
  ResourceType,
  WatchEventsRequest,
} from "./gen/gitpod/v1/event.js";
import {
  CreateRunnerRequest,
  type CreateRunnerResponse,
  type GetRunnerRequest,
  type GetRunnerResponse,
  ListRunnersRequest,
  type ListRunnersResponse,
  LogLevel,
  RunnerPhase,
  RunnerServiceClient,
  UpdateRunnerRequest,
  type UpdateRunnerResponse,
} from "./gen/gitpod/v1/runner.js";
import { RunnerKind, RunnerProvider } from "./gen/gitpod/v1/runner_configuration.js";
import { ErrorInfo } from "./gen/google/rpc/error_details.js";
import { Status } from "./gen/google/rpc/status.js";

const { ROLLCALL_URL: url = "", ROLLCALL_TOKEN: token = "" } = process.env;
const unknownId = "01900000-0000-7000-8000-000000000000";

/** Registers a runner and lists all that the caller may see. */
async function firstRunners(): Promise<void> {
  const runners = new RunnerServiceClient(new URL(url).host, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);

  const create = promisify<CreateRunnerRequest, Metadata, CreateRunnerResponse>(runners.createRunner).bind(
    runners,
  );
  const request = { name: "build-1", provider: RunnerProvider.RUNNER_PROVIDER_AWS_EC2 };
  const { runner, exchangeToken } = await create(CreateRunnerRequest.fromPartial(request), metadata);
  process.stdout.write(`${runner?.runnerId} ${exchangeToken}\n`);

  const list = promisify<ListRunnersRequest, Metadata, ListRunnersResponse>(runners.listRunners).bind(
    runners,
  );
  const listed = await list(ListRunnersRequest.fromPartial({}), metadata);
  for (const { runnerId, name, status } of listed.runners) {
    process.stdout.write(`${runnerId} ${name} ${status?.phase}\n`);
  }
  runners.close();
}

const runners = new RunnerServiceClient(new URL(url).host, credentials.createInsecure());
const events = new EventServiceClient(new URL(url).host, credentials.createInsecure());
const metadata = new Metadata();
metadata.set("authorization", `Bearer ${token}`);
const createRunner = promisify<CreateRunnerRequest, Metadata, CreateRunnerResponse>(
  runners.createRunner,
).bind(runners);
const getRunner = promisify<GetRunnerRequest, Metadata, GetRunnerResponse>(runners.getRunner).bind(runners);
const listRunners = promisify<ListRunnersRequest, Metadata, ListRunnersResponse>(runners.listRunners).bind(
  runners,
);
const updateRunner = promisify<UpdateRunnerRequest, Metadata, UpdateRunnerResponse>(
  runners.updateRunner,
).bind(runners);
let first = "";

function newRunner(name: string): Promise<CreateRunnerResponse> {
  const request = CreateRunnerRequest.fromPartial({
    name,
    provider: RunnerProvider.RUNNER_PROVIDER_AWS_EC2,
    spec: { configuration: { region: "eu-central-1", autoUpdate: true } },
  });
  return createRunner(request, metadata);
}

async function create(): Promise<void> {
  const { runner, exchangeToken } = await newRunner("interop-1");
  assert.match(runner?.runnerId ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.match(exchangeToken, /^rcexc_/);
  assert.equal(runner?.status?.phase, RunnerPhase.RUNNER_PHASE_CREATED);
  assert.equal(runner?.kind, RunnerKind.RUNNER_KIND_REMOTE);
  first = runner?.runnerId ?? "";
}

async function get(): Promise<void> {
  const { runner } = await getRunner({ runnerId: first }, metadata);
  assert.equal(runner?.runnerId, first);
  assert.equal(runner?.name, "interop-1");
  assert.equal(runner?.spec?.configuration?.region, "eu-central-1");
  assert.equal(runner?.spec?.configuration?.autoUpdate, true);
  assert.equal(runner?.spec?.configuration?.logLevel, LogLevel.LOG_LEVEL_UNSPECIFIED);
}

async function list(): Promise<void> {
  const wanted = [first];
  for (const name of ["interop-2", "interop-3"]) wanted.push((await newRunner(name)).runner?.runnerId ?? "");
  const seen: string[] = [];
  let next = "";
  do {
    const request = ListRunnersRequest.fromPartial({ pagination: { pageSize: 2, token: next } });
    const page = await listRunners(request, metadata);
    assert.ok(page.runners.length <= 2, `a page of ${page.runners.length}`);
    seen.push(...page.runners.map(({ runnerId }) => runnerId));
    next = page.pagination?.nextToken ?? "";
  } while (next !== "");
  for (const id of wanted) assert.equal(seen.filter((other) => other === id).length, 1, `listed ${id}`);
}

async function watch(): Promise<void> {
  const deadline = Date.now() + 30_000;
  const stream = events.watchEvents(WatchEventsRequest.fromPartial({ organization: true }), metadata, {
    deadline,
  });
  const opened = new Promise((resolve) => stream.once("metadata", resolve));
  let renamed = false;
  const watching = (async () => {
    for await (const { resourceId, resourceType, operation } of stream) {
      renamed ||=
        resourceId === first &&
        resourceType === ResourceType.RESOURCE_TYPE_RUNNER &&
        operation === ResourceOperation.RESOURCE_OPERATION_UPDATE;
      if (renamed) stream.cancel();
    }
  })();
  // From the server's answer on no event is missed.
  await Promise.race([opened, watching]);
  await updateRunner(
    UpdateRunnerRequest.fromPartial({ runnerId: first, name: "interop-1 renamed" }),
    metadata,
  );
  const ended = await refusal(watching);
  assert.ok(renamed, `the stream ended without the event: ${ended.message}`);
  assert.equal(ended.code, status.CANCELLED);
  assert.equal((await getRunner({ runnerId: first }, metadata)).runner?.name, "interop-1 renamed");
}

async function error(): Promise<void> {
  const short = await refusal(createRunner(CreateRunnerRequest.fromPartial({ name: "ab" }), metadata));
  assert.equal(short.code, status.INVALID_ARGUMENT);
  const { violations } = Violations.decode(detail(short, "buf.validate.Violations"));
  const paths = violations.map(({ field }) => field?.elements.map(({ fieldName }) => fieldName).join("."));
  assert.ok(paths.includes("name"), `no violation names the field: ${paths}`);

  const unknown = await refusal(getRunner({ runnerId: unknownId }, metadata));
  assert.equal(unknown.code, status.NOT_FOUND);
  assert.equal(unknown.details, "runner not found");
  assert.equal(ErrorInfo.decode(detail(unknown, "google.rpc.ErrorInfo")).reason, "RUNNER_NOT_FOUND");
}

async function refusal(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && "metadata" in error) return error as ServiceError;
    throw error;
  }
  throw new Error("the call was accepted");
}

/** The bytes of the first error detail of one type, which grpc-js leaves in the trailers. */
function detail(refused: ServiceError, type: string): Uint8Array {
  const [packed] = refused.metadata.get("grpc-status-details-bin");
  assert.ok(packed instanceof Buffer, "an error without details");
  const found = Status.decode(packed).details.find(({ typeUrl }) => typeUrl.endsWith(`/${type}`));
  assert.ok(found, `no detail of type ${type}`);
  return found.value;
}

const { version } = JSON.parse(readFileSync("node_modules/@grpc/grpc-js/package.json", "utf8"));
process.stdout.write(`version @grpc/grpc-js ${version}\n`);
let step = "create";
try {
  await firstRunners();
  for (const run of [create, get, list, watch, error]) {
    step = run.name;
    await run();
    process.stdout.write(`ok gRPC 2 ${step}\n`);
  }
} catch (why) {
  process.stdout.write(`not ok gRPC 2 ${step}: ${why}\n`);
  process.exitCode = 1;
}
runners.close();
events.close();
