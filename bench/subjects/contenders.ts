import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { type BenchCall, calls, fieldsOf, framed, ways } from "../calls.ts";
import { Wire } from "../fleet/wire.ts";
import { H1Connection } from "../load/h1-connection.ts";
import type { Reply } from "../load/h2-connection.ts";
import type { Use } from "./probe.ts";
import type { Ports, Recorded } from "./recorded.ts";
import { Subject } from "./subject.ts";

const here = import.meta.dirname;
const adminToken = "bench-admin-token";

/** A server under measurement, whatever it is. */
export interface Contender {
  readonly ports: Ports;
  readonly pid: number;
  use(): Promise<Use>;
  stop(): Promise<void>;
}

/** Rollcall with thirty runners, and the calls that were prepared for it. */
export interface Ours extends Contender {
  readonly calls: readonly BenchCall[];
}

/** Starts Rollcall on a folder of its own, as an operator does, without the limits of one client. */
export async function startOurs(hotPath: "on" | "off"): Promise<Ours> {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const unlimited = ["--rate-limit-token", "0", "--rate-limit-address", "0", "--hot-path", hotPath];
  const main = join(here, "../../src/main.ts");
  const subject = new Subject(
    "rollcall",
    [main, "serve", "--port", "0", "--data-dir", folder, ...unlimited],
    {
      ROLLCALL_ADMIN_TOKEN: adminToken,
    },
  );
  const url = (await subject.printed(/listening on (\S+)/))[1] ?? "";
  const port = Number(new URL(url).port);
  return {
    ...contender(subject, { h1: port, h2: port }),
    calls: await prepare(url),
    stop: async () => {
      await subject.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Makes the runners that the calls are about. */
async function prepare(url: string): Promise<readonly BenchCall[]> {
  const wire = new Wire(url, 1);
  const make = () =>
    wire.call(RunnerService.method.createRunner, adminToken, {
      name: "bench",
      provider: RunnerProvider.AWS_EC2,
      spec: { configuration: { region: "eu-central-1", autoUpdate: true } },
    });
  try {
    const { runner, exchangeToken } = await make();
    const { accessToken } = await wire.call(IdentityService.method.exchangeToken, null, { exchangeToken });
    const first = await wire.call(RunnerAgentService.method.renewRegistration, accessToken, {
      generation: 0,
    });
    for (let more = 0; more < 29; more++) await make();
    return calls({
      adminToken,
      runnerToken: accessToken,
      runnerId: runner?.runnerId ?? "",
      generation: first.generation,
      revision: first.wanted?.revision ?? 0,
    });
  } finally {
    wire.close();
  }
}

/** Asks every call once in each encoding: what the echoes are to answer. */
export async function record(ours: Ours): Promise<Recorded> {
  const recorded: Record<string, string> = {};
  for (const call of ours.calls) {
    for (const way of ways.filter(({ http }) => http === "1.1")) {
      const to = { host: "127.0.0.1", port: ours.ports.h1 };
      const connection = new H1Connection(to, call.path, fieldsOf(call, way));
      const { ok, data } = await new Promise<Reply>((done) => connection.call(call.body(way), done));
      connection.close();
      if (!ok) throw new Error(`${call.name} was refused: ${data.toString()}`);
      recorded[`${call.path} ${way.contentType}`] = data.toString("base64");
      if (way.protocol === "Connect")
        recorded[`${call.path} application/grpc`] = framed(data).toString("base64");
    }
  }
  return recorded;
}

/** Starts a program of this folder. @param answers what it is to say, where it only repeats */
export async function startProgram(file: string, answers?: Recorded): Promise<Contender> {
  const subject = new Subject(file, [join(here, file)]);
  return contender(subject, await subject.ask<Ports>(answers));
}

function contender(subject: Subject, ports: Ports): Contender {
  return { ports, pid: subject.pid, use: () => subject.use(), stop: () => subject.stop() };
}
