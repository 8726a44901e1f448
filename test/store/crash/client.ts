import http from "node:http";
import type { Entry, Ledger } from "./ledger.ts";

/** One JSON call; rejects when the connection breaks. */
export type Call = (
  procedure: string,
  body: unknown,
  headers?: Record<string, string>,
) => Promise<{ status: number; body: Record<string, unknown> }>;

export interface CrashClient extends Disposable {
  readonly call: Call;
}

/** A client with connections of its own to one life of the server. */
export function crashClient(url: string, token: string): CrashClient {
  const agent = new http.Agent({ keepAlive: true });
  const call: Call = (procedure, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const request = http.request(`${url}/gitpod.v1.${procedure}`, {
        agent,
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      });
      request.on("error", reject);
      request.on("response", (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
      request.end(JSON.stringify(body));
    });
  return { call, [Symbol.dispose]: () => agent.destroy() };
}

/** Asks for a runner under the entry's key, which makes at most one however often it is asked. */
export async function create(call: Call, entry: Entry): Promise<void> {
  const request = { name: entry.key, provider: "RUNNER_PROVIDER_GCP" };
  const answer = await call("RunnerService/CreateRunner", request, { "idempotency-key": entry.key });
  expectOk(answer);
  entry.id = (answer.body.runner as { runnerId: string }).runnerId;
  entry.exchangeToken = String(answer.body.exchangeToken);
}

/** Exchanges the entry's token; a lost answer is asked for again with the same key. */
export async function exchange(call: Call, entry: Entry): Promise<void> {
  const { exchangeToken, key } = entry;
  const answer = await call("IdentityService/ExchangeToken", { exchangeToken }, { "idempotency-key": key });
  expectOk(answer);
  entry.accessToken = String(answer.body.accessToken);
}

/** Registers runners and does things to them until the server is gone. */
export async function work(call: Call, ledger: Ledger, random: () => number): Promise<void> {
  try {
    for (;;) {
      const entry = ledger.open();
      await create(call, entry);
      for (let change = 0; random() < 0.6; change++) {
        const name = `${entry.key}-${change}`;
        entry.maybeNames.push(name);
        expectOk(await call("RunnerService/UpdateRunner", { runnerId: entry.id, name }));
        entry.name = name;
        entry.maybeNames = [];
      }
      if (random() < 0.5) await exchange(call, entry);
      if (random() < 0.3) {
        entry.deletion = "sent";
        expectOk(await call("RunnerService/DeleteRunner", { runnerId: entry.id }));
        entry.deletion = "acknowledged";
      }
    }
  } catch (error) {
    if (error instanceof WrongAnswer) throw error;
  }
}

class WrongAnswer extends Error {}

function expectOk({ status, body }: Awaited<ReturnType<Call>>): void {
  if (status !== 200) throw new WrongAnswer(`${status} ${JSON.stringify(body)}`);
}
