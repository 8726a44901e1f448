import { readFileSync } from "node:fs";
import http from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { startTestServer, type TestServer } from "../support/server.ts";

// The bodies in docs/agent-protocol.md are those of a real server.

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const agent = "rollcall.v1.RunnerAgentService";
const identity = "gitpod.v1.IdentityService";

/** Sends a body, and answers with the status and as many messages of the answer as are asked for. */
function call(path: string, headers: Record<string, string>, body: Buffer | string, messages = 0) {
  return new Promise<{ readonly status: number; readonly body: Buffer }>((resolve, reject) => {
    const request = http.request(`${server.url}/${path}`, { method: "POST", headers, agent: false });
    request.once("error", reject);
    request.once("response", (response) => {
      let got = Buffer.alloc(0);
      const done = () => resolve({ status: response.statusCode ?? 0, body: got });
      response.on("data", (bytes: Buffer) => {
        got = Buffer.concat([got, bytes]);
        if (messages > 0 && envelopes(got).length >= messages) {
          done();
          request.destroy();
        }
      });
      response.once("end", done);
      response.once("error", () => {});
    });
    request.end(body);
  });
}

/** A message of a Connect stream: flags, length in four bytes, and the message. */
function envelope(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Each whole message as docs show it: flags and length in hexadecimal, then the text. */
function envelopes(bytes: Buffer): string[] {
  const shown: string[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    const head = bytes.subarray(at, at + 5).toString("hex");
    shown.push(`${head.slice(0, 2)} ${head.slice(2)} ${bytes.subarray(at + 5, end).toString()}`);
    at = end;
  }
  return shown;
}

/** What differs with each run is replaced. */
function settled(text: string): string {
  return text
    .replace(/"renewAfter":"[\d.]+s"/g, '"renewAfter":"21.402s"')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "01890a5d-ac96-774b-bcce-b302099a8057")
    .replace(/rc(exc|run)_\w+/g, "rc$1_…");
}

test("the bodies of every call in docs/agent-protocol.md are those of a real server", async () => {
  const operator = server.client(RunnerService);
  const { exchangeToken, runner } = await operator.createRunner({
    name: "docs",
    provider: RunnerProvider.GCP,
    spec: {
      desiredPhase: RunnerPhase.ACTIVE,
      configuration: { metrics: { managedMetricsEnabled: true } },
    },
  });
  server.keepSecret(exchangeToken);
  const lines: string[] = [];
  const show = (...shown: string[]) => lines.push(...shown.map(settled), "");
  let bearer: Record<string, string> = {};
  const unary = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const text = JSON.stringify(body);
    const answer = await call(path, { "content-type": "application/json", ...bearer, ...headers }, text);
    show(`POST /${path}`, text, String(answer.status), answer.body.toString());
    return answer.body.toString();
  };
  const stream = async (generation: number) => {
    const body = envelope(JSON.stringify({ generation, appliedSpecRevision: 1 }));
    const headers = { "content-type": "application/connect+json", ...bearer };
    const answer = await call(`${agent}/WatchRegistration`, headers, body, 1);
    show(
      `POST /${agent}/WatchRegistration`,
      ...envelopes(body),
      String(answer.status),
      ...envelopes(answer.body).slice(0, 1),
    );
  };
  const key = { "idempotency-key": "01890a5d-ac96-774b-bcce-b302099a8057" };
  const { accessToken } = JSON.parse(await unary(`${identity}/ExchangeToken`, { exchangeToken }, key));
  server.keepSecret(accessToken);
  bearer = { authorization: `Bearer ${accessToken}` };
  await unary(`${identity}/GetAuthenticatedIdentity`, {});
  await unary(`${agent}/RenewRegistration`, { generation: 0, status: { phase: "RUNNER_PHASE_ACTIVE" } });
  await unary(`${agent}/RenewRegistration`, { generation: 1, appliedSpecRevision: 1 });
  await stream(1);
  await stream(2);
  const sample = { name: "jobs_running", value: 3, type: "METRIC_TYPE_GAUGE" };
  await unary(`${agent}/ReportRunnerMetrics`, { generation: 1, samples: [sample] });
  await unary(`${agent}/SignOff`, { generation: 1, reason: "host goes down for maintenance" });
  await unary(`${agent}/RenewRegistration`, { generation: 1 });
  expect(runner?.name).toBe("docs");
  expect(readFileSync("docs/agent-protocol.md", "utf8")).toContain(lines.join("\n").trimEnd());
});
