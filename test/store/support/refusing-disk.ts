import { expect } from "vitest";
import { type CommandProcess, listening } from "../../support/command.ts";
import { postJson } from "../../support/http.ts";

const token = "disk-faults-admin-token";
/** Of the servers that {@link begin} talks to. */
export const environment = { ROLLCALL_ADMIN_TOKEN: token };

/** How a write is refused. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
}
export const unavailable: Refusal = { status: 503, reason: "STORE_UNAVAILABLE" };
export const full: Refusal = { status: 429, reason: "DISK_FULL" };

/** A server with one runner more than it had, whose lease is live. */
export async function begin(server: CommandProcess, before = 0) {
  const url = await listening(server);
  const post = (procedure: string, body: unknown, bearer = token) =>
    postJson(url, procedure, body, { authorization: `Bearer ${bearer}` });
  const create = () =>
    post("gitpod.v1.RunnerService/CreateRunner", { name: "a runner", provider: "RUNNER_PROVIDER_GCP" });
  const made = (await create()).json<{ runner: { runnerId: string }; exchangeToken: string }>();
  const exchanged = await post("gitpod.v1.IdentityService/ExchangeToken", {
    exchangeToken: made.exchangeToken,
  });
  const { accessToken } = exchanged.json<{ accessToken: string }>();
  const renew = (body: object) => post("rollcall.v1.RunnerAgentService/RenewRegistration", body, accessToken);
  expect((await renew({})).status).toBe(200);
  // News cannot be kept on a disk that refuses it, and the agent is told so; it is heard all the same.
  const news = (message: string) => ({ generation: 1, status: { phase: "RUNNER_PHASE_DEGRADED", message } });
  let runners = before + 1;
  let round = 0;
  const listed = async () =>
    (await post("gitpod.v1.RunnerService/ListRunners", {})).json<{ runners: unknown[] }>().runners;
  expect(await listed()).toHaveLength(runners);

  return {
    async refused({ status, reason }: Refusal): Promise<void> {
      round += 1;
      for (let i = 0; i < 20; i++) {
        const refused = await create();
        expect(refused.status).toBe(status);
        expect(refused.text).toContain(reason);
        expect(refused.text).toContain("nothing was changed");
      }
      expect(await listed()).toHaveLength(runners);
      expect((await renew({ generation: 1 })).status).toBe(200);
      expect((await renew(news(`trouble ${round}`))).status).toBe(status);
      const read = await post("gitpod.v1.RunnerService/GetRunner", { runnerId: made.runner.runnerId });
      expect(read.json<{ runner: { status: object } }>().runner.status).toMatchObject({
        phase: "RUNNER_PHASE_DEGRADED",
      });
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    },
    async writesAgain(): Promise<void> {
      expect((await create()).status).toBe(200);
      runners += 1;
      expect(await listed()).toHaveLength(runners);
      expect((await renew(news(`trouble ${round}`))).status).toBe(200);
    },
    /** Ends the server; its log tells of each trouble once, and of its end once. */
    async mended(times = 1): Promise<void> {
      await this.writesAgain();
      server.process.kill("SIGTERM");
      expect(await server.exited).toBe(0);
      const said = ["the disk refuses writes", "the disk takes writes again"];
      expect(said.map((words) => lines(server, words))).toEqual([times, times]);
    },
  };
}

export function lines(server: CommandProcess, words: string): number {
  return server
    .stderr()
    .split("\n")
    .filter((line) => line.includes(words)).length;
}
