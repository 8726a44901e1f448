import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AgentEnd,
  type AgentHooks,
  type AgentLog,
  type AgentOptions,
  defaultTiming,
  openConnection,
  runAgent,
} from "../../../src/agent/index.ts";
import { FakeServer } from "./fake-server.ts";
import { MovedTime } from "./moved-time.ts";

export interface RunningAgent {
  readonly end: Promise<AgentEnd>;
  readonly time: MovedTime;
  stop(): Promise<AgentEnd>;
}

/** A fake server, a folder for agents, and the agents that a test starts there. */
export class Bench {
  readonly server = new FakeServer();
  readonly dir = mkdtempSync(join(tmpdir(), "rollcall-agent-"));
  readonly stateDir = join(this.dir, "state");
  readonly tokenFile = join(this.dir, "token");
  readonly log: { readonly level: keyof AgentLog; readonly message: string; readonly fields: object }[] = [];
  readonly #agents: RunningAgent[] = [];

  static async open(): Promise<Bench> {
    const bench = new Bench();
    writeFileSync(bench.tokenFile, "exchange-one\n");
    await bench.server.start();
    return bench;
  }

  start(hooks: AgentHooks = {}, changes: Partial<AgentOptions> = {}): RunningAgent {
    const time = new MovedTime();
    const stop = new AbortController();
    const keep = (level: keyof AgentLog) => (fields: object, message: string) =>
      void this.log.push({ level, message, fields });
    const end = runAgent({
      tokenFile: this.tokenFile,
      stateDir: this.stateDir,
      connection: openConnection({ server: this.server.url, protocol: "grpc" }),
      facts: {
        version: "test-agent/1",
        systemDetails: "{}",
        region: "eu-1",
        capabilities: [3],
        additionalInfo: [{ key: "rack", value: "b12" }],
      },
      hooks,
      stop: stop.signal,
      log: { debug: keep("debug"), info: keep("info"), warn: keep("warn") },
      time,
      random: () => 0.5,
      timing: defaultTiming,
      ...changes,
    });
    const agent = {
      end,
      time,
      stop: () => {
        stop.abort();
        return end;
      },
    };
    this.#agents.push(agent);
    return agent;
  }

  /** How long the agent said it would wait after each failed renewal, in milliseconds. */
  delays(): number[] {
    return this.log
      .filter(({ message }) => message.startsWith("could not renew"))
      .map(({ fields }) => ("delayMs" in fields ? Number(fields.delayMs) : Number.NaN));
  }

  async close(): Promise<void> {
    const ends = this.#agents.map(async (agent) => {
      let ended = false;
      void agent.stop().finally(() => {
        ended = true;
      });
      while (!ended) await agent.time.advance(1_000);
    });
    await Promise.all(ends);
    await this.server.stop();
    rmSync(this.dir, { recursive: true });
  }
}
