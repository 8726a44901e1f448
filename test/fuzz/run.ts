import http2 from "node:http2";
import { parseArgs } from "node:util";
import { methods, type Request, randomCall, sendHttp2, type Tokens } from "./calls.ts";
import { costlyRequest, costOf } from "./costs.ts";
import { faultOf, rawFaultOf } from "./judge.ts";
import { Known } from "./known.ts";
import { Random } from "./random.ts";
import { http1Bytes, randomBytes, sendRaw } from "./raw-bytes.ts";
import { FuzzedServer } from "./server.ts";

// Sends a real server what it does not expect, from every side: `npm run test:fuzz -- --seconds 600 --seed 7`. Ends with
// 1 when the server crashed, hung, grew, or answered with an error that is its own fault.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
/** Every exchange is answered or closed within this, in milliseconds. */
const boundMs = 10_000;
/** Exchanges at a time. */
const width = 8;
/** The heap may grow by so much after the warm-up: caches fill, the database gets rows. */
const growthBytes = 24 * 1024 * 1024;
const say = (text: string) => void process.stdout.write(`${text}\n`);

const seed = Number(values.seed);
say(`fuzz: seed ${seed}, ${values.seconds} s`);
const findings = new Map<string, string>();
const known = new Known();
let inputs = 0;
/** Calls that were carried out, those whose answers are not read for it aside: noise alone would find little. */
let carriedOut = 0;
/** Requests whose cost was measured alone. */
let weighed = 0;
for (const [index, flags] of [
  ["--hot-path", "on"],
  ["--hot-path", "off"],
].entries()) {
  await attack(flags, (Number(values.seconds) * 1000) / 2, seed + index);
}
if (carriedOut === 0) note("no call was carried out", "the callers were locked out, or all calls were wrong");
for (const [what, how] of findings) say(`FOUND ${what}\n  ${how}`);
say(
  `fuzz: ${inputs} inputs, ${carriedOut} calls of HTTP/2 carried out, ${weighed} weighed, ${findings.size} findings, seed ${seed}`,
);
process.exitCode = findings.size > 0 ? 1 : 0;

async function attack(flags: readonly string[], forMs: number, from: number): Promise<void> {
  const server = new FuzzedServer();
  await server.start(flags);
  const port = Number(new URL(server.url).port);
  const tokens = { admin: server.admin, runner: await runnerToken(server) };
  const until = performance.now() + forMs;
  const round = async (end: number, base: number) => {
    await Promise.all(
      Array.from({ length: width }, (_, lane) =>
        attackAlone(new Random(base * 100 + lane + 1), port, tokens, end, server),
      ),
    );
  };
  try {
    await weigh(server, tokens, new Random(from), performance.now() + forMs / 4);
    await round(performance.now() + forMs / 4, from);
    const warm = await server.heap();
    await round(until, from + 50);
    const grown = (await server.heap()) - warm;
    say(
      `${flags.join(" ")}: ${inputs} inputs so far, heap ${Math.round(warm / 1024)} KiB, then ${Math.round(grown / 1024)} KiB more`,
    );
    if (grown > growthBytes) findings.set("memory grew", `${grown} bytes with ${flags.join(" ")}`);
    for (const line of server.errors)
      note(
        `error in the log: ${/"msg":"[^"]*"/.exec(line)?.[0]}${/"message":"[^"]{0,80}/.exec(line)?.[0]}`,
        line,
      );
  } catch (error) {
    note(`broken off: ${error}`, server.tail.join("\n"));
  } finally {
    await server.stop();
  }
}

/** Requests that are made to cost much, one at a time: what the server does meanwhile is of one of them. */
async function weigh(server: FuzzedServer, tokens: Tokens, random: Random, end: number): Promise<void> {
  while (performance.now() < end && server.alive) {
    const costly = costlyRequest(random, methods);
    const token = random.of([tokens.admin, tokens.runner]);
    // What is too slow once was the machine's doing, perhaps.
    const cost = (await costOf(server, token, costly)) && (await costOf(server, token, costly));
    weighed += 1;
    if (cost !== null) note(`costs too much: ${costly.method.name} ${costly.what}`, cost);
  }
}

/** One client after the other, each with one connection over HTTP/2 that is renewed now and then. */
async function attackAlone(
  random: Random,
  port: number,
  tokens: Tokens,
  end: number,
  server: FuzzedServer,
): Promise<void> {
  const open = () => http2.connect(`http://127.0.0.1:${port}`).on("error", () => {});
  let session = open();
  while (performance.now() < end && server.alive) {
    const call = randomCall(random, tokens, known);
    const way = random.below(3);
    inputs += 1;
    try {
      if (session.closed || session.destroyed) session = open();
      const fault = await exchange(way, session, port, call, random);
      if (fault !== null)
        note(
          `${call.path.split("?")[0]} ${call.headers["content-type"]}: ${fault.replaceAll(/[0-9a-f-]{36}/g, "ID").slice(0, 120)}`,
          describe(call, fault),
        );
    } catch (error) {
      note(
        `hang: ${way} ${call.path.split("?")[0]} ${call.headers["content-type"]}`,
        `${describe(call, String(error))}`,
      );
    }
  }
  session.destroy();
  if (!server.alive) note("the server died", server.tail.join("\n"));
}

async function exchange(
  way: number,
  session: http2.ClientHttp2Session,
  port: number,
  call: Request,
  random: Random,
) {
  if (way === 0) {
    const answer = await sendHttp2(session, call, boundMs);
    if (answer === null) return null;
    known.learn(answer.body);
    if (answer.status === 200 && (answer.grpcStatus ?? "0") === "0") carriedOut += 1;
    return faultOf(answer);
  }
  const bytes =
    way === 1
      ? http1Bytes({ ...call, headers: { ...call.headers, connection: "close" } })
      : randomBytes(random, call);
  const received = await sendRaw(port, bytes, boundMs);
  known.learn(received);
  return rawFaultOf(received);
}

function note(what: string, how: string): void {
  if (findings.size < 100 && !findings.has(what)) findings.set(what, how);
}

function describe({ method, path, headers, body }: Request, fault: string): string {
  const { authorization: _, ...shown } = headers;
  return `${method} ${path} ${JSON.stringify(shown)} ${body.toString("base64").slice(0, 1500)}\n  ${fault}`;
}

async function runnerToken({ url, admin }: FuzzedServer): Promise<string> {
  const post = async (path: string, body: unknown) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${admin}` };
    const answer = await fetch(`${url}/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    return (await answer.json()) as Record<string, string>;
  };
  const made = await post("gitpod.v1.RunnerService/CreateRunner", {
    name: "fuzzed",
    provider: "RUNNER_PROVIDER_AWS_EC2",
  });
  const { accessToken = "" } = await post("gitpod.v1.IdentityService/ExchangeToken", {
    exchangeToken: made.exchangeToken,
  });
  return accessToken;
}
