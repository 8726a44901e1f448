// The steps that every generated client tells, for the clients of Connect's library for TypeScript: in Node.js and
// in a browser the same code, over whatever transport.
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { ViolationsSchema } from "./gen/buf/validate/validate_pb.js";
import { EventService, ResourceOperation, ResourceType } from "./gen/gitpod/v1/event_pb.js";
import { RunnerKind, RunnerProvider } from "./gen/gitpod/v1/runner_configuration_pb.js";
import { LogLevel, RunnerPhase, RunnerService } from "./gen/gitpod/v1/runner_pb.js";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const unknownId = "01900000-0000-7000-8000-000000000000";

export class Story {
  readonly #runners: Client<typeof RunnerService>;
  readonly #events: Client<typeof EventService>;
  #first = "";

  constructor(transport: Transport) {
    this.#runners = createClient(RunnerService, transport);
    this.#events = createClient(EventService, transport);
  }

  async create(): Promise<void> {
    const { runner, exchangeToken } = await this.#newRunner("interop-1");
    this.#first = runner?.runnerId ?? "";
    expect(uuid.test(this.#first), `runnerId ${this.#first} is no UUID`);
    expect(exchangeToken.startsWith("rcexc_"), "exchangeToken has another prefix");
    expect(runner?.status?.phase === RunnerPhase.CREATED, `phase is ${runner?.status?.phase}`);
    expect(runner.kind === RunnerKind.REMOTE, `kind is ${runner.kind}`);
  }

  async get(): Promise<void> {
    const { runner } = await this.#runners.getRunner({ runnerId: this.#first });
    const configuration = runner?.spec?.configuration;
    expect(runner?.runnerId === this.#first, `runnerId is ${runner?.runnerId}`);
    expect(runner.name === "interop-1", `name is ${runner.name}`);
    expect(configuration?.region === "eu-central-1", `region is ${configuration?.region}`);
    expect(configuration.autoUpdate, "autoUpdate is false");
    expect(configuration.logLevel === LogLevel.UNSPECIFIED, `logLevel is ${configuration.logLevel}`);
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
      expect(page.runners.length <= 2, `a page of ${page.runners.length}`);
      seen.push(...page.runners.map(({ runnerId }) => runnerId));
      next = page.pagination?.nextToken ?? "";
    } while (next !== "");
    for (const id of wanted) {
      const times = seen.filter((other) => other === id).length;
      expect(times === 1, `runner ${id} was listed ${times} times`);
    }
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
    expect(renamed, `the stream ended without the event: ${ended.message}`);
    expect(ended.code === Code.Canceled, `after cancelling the stream ended with ${ended.message}`);
    const { runner } = await this.#runners.getRunner({ runnerId: this.#first });
    expect(runner?.name === "interop-1 renamed", `name is ${runner?.name}`);
  }

  async error(): Promise<void> {
    const short = await refusal(this.#runners.createRunner({ name: "ab" }));
    expect(short.code === Code.InvalidArgument, `a short name: ${short.message}`);
    const violations = short.findDetails(ViolationsSchema).flatMap((detail) => detail.violations);
    const paths = violations.map(({ field }) => field?.elements.map(({ fieldName }) => fieldName).join("."));
    expect(paths.includes("name"), `no violation names the field: ${paths}`);

    const unknown = await refusal(this.#runners.getRunner({ runnerId: unknownId }));
    expect(unknown.code === Code.NotFound, `an unknown runner: ${unknown.message}`);
    expect(unknown.rawMessage === "runner not found", `an unknown runner: ${unknown.rawMessage}`);
    const reason = unknown.findDetails(ErrorInfoSchema)[0]?.reason;
    expect(reason === "RUNNER_NOT_FOUND", `an unknown runner: reason ${reason}`);
  }

  #newRunner(name: string) {
    return this.#runners.createRunner({
      name,
      provider: RunnerProvider.AWS_EC2,
      spec: { configuration: { region: "eu-central-1", autoUpdate: true } },
    });
  }
}

/** Runs every step over one protocol, and says which one failed. Resolves to whether all passed. */
export async function tell(row: string, transport: Transport, say: (line: string) => void): Promise<boolean> {
  const story = new Story(transport);
  for (const step of ["create", "get", "list", "watch", "error"] as const) {
    try {
      await story[step]();
      say(`ok ${row} ${step}`);
    } catch (why) {
      say(`not ok ${row} ${step}: ${why}`);
      return false;
    }
  }
  return true;
}

/** The error that a call ends with. */
export async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("the call was accepted");
}

export function expect(holds: unknown, why: string): asserts holds {
  if (!holds) throw new Error(why);
}
