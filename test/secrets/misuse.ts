import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { type Clients, type Wire, wires } from "../support/clients.ts";
import { plainRequest } from "../support/http.ts";
import { type Refusal, refusal } from "../support/refusal.ts";

const list = "gitpod.v1.RunnerService/ListRunners";
const get = "gitpod.v1.RunnerService/GetRunner";
const exchange = "gitpod.v1.IdentityService/ExchangeToken";
/** Fields that take a secret, and some beside them. */
const configuring = [
  ...["token", "refreshToken", "host", "scopes", "source"].map((field) => [
    "CreateHostAuthenticationToken",
    field,
  ]),
  ...["id", "token", "refreshToken", "expiresAt"].map((field) => ["UpdateHostAuthenticationToken", field]),
  ...["host", "scmId", "oauthPlaintextClientSecret", "issuerUrl"].map((field) => [
    "CreateSCMIntegration",
    field,
  ]),
  ...["id", "oauthPlaintextClientSecret", "virtualDirectory"].map((field) => ["UpdateSCMIntegration", field]),
  ...["displayName", "configuration"].map((field) => ["CreateEnvironmentClass", field]),
] as const;
const nil = "00000000-0000-4000-8000-000000000000";
const json = { "content-type": "application/json" };

/**
 * Puts a secret into every place of a request where a hurried caller might, in every protocol.
 * @returns all that the server answered: bodies, headers and trailers
 */
export async function misuse(url: string, clients: Clients, token: string, secret: string): Promise<string> {
  const bearer = { authorization: `Bearer ${token}` };
  const escaped = encodeURIComponent(secret);
  const quoted = JSON.stringify(secret);
  const basic = `Basic ${Buffer.from(`user:${secret}`).toString("base64")}`;
  const post = (path: string, body: string, headers: Record<string, string> = bearer) =>
    plainRequest(`${url}/${path}`, { method: "POST", headers: { ...json, ...headers }, body });
  const message = encodeURIComponent(JSON.stringify({ runnerId: secret }));
  const answers = await Promise.all([
    ...[basic, secret, `Token ${secret}`, `Bearer ${secret} ${secret}`, `Bearer,${secret}`].flatMap(
      (authorization) => [
        post(list, "{}", { authorization }),
        plainRequest(`${url}/metrics`, { headers: { authorization } }),
        plainRequest(`${url}/metrics/runners`, { headers: { authorization } }),
      ],
    ),
    ...[
      ...["cookie", "x-api-key", "traceparent", "tracestate", "baggage", "x-forwarded-for", "origin"],
      ...["connect-timeout-ms", "connect-protocol-version", "content-encoding", "accept-encoding"],
      ...["content-type", "grpc-timeout", "idempotency-key", "x-http-method-override"],
    ].map((name) => post(list, "{}", { ...bearer, [name]: `${secret} ${secret}` })),
    post(exchange, JSON.stringify({ exchangeToken: "x" }), { "idempotency-key": `${secret} ${secret}` }),
    ...[
      `${list}?access_token=${escaped}`,
      `gitpod.v1.RunnerService/${escaped}`,
      `${escaped}/ListRunners`,
    ].map((path) => post(path, "{}")),
    ...[
      ...[`metrics?token=${escaped}`, `healthz?token=${escaped}`, `readyz/${escaped}`, escaped],
      ...[`.well-known/${escaped}`, `${get}?encoding=json&message=${message}`, `${get}?message=${escaped}`],
      ...[`${get}?encoding=${escaped}&message=x`, `${get}?encoding=json&base64=1&message=${escaped}`],
    ].map((path) => plainRequest(`${url}/${path}`, { headers: bearer })),
    ...[
      ...[`{"unknown":${quoted}}`, `{${quoted}:1}`, `{"runnerId":${quoted}}`, `{"runnerId":[${quoted}]}`],
      ...[quoted, `[${quoted}]`, `{"runnerId":${quoted}`, secret, `{"runnerId":${quoted},}`],
    ].flatMap((body) => [post(get, body), post(exchange, body)]),
    ...[
      `{"pagination":${quoted}}`,
      `{"pagination":{"token":${quoted}}}`,
      `{"pagination":{"pageSize":${quoted}}}`,
    ]
      .concat([`{"filter":{"kinds":[${quoted}]}}`, `{"filter":{"providers":${quoted}}}`])
      .map((body) => post(list, body)),
    ...configuring.flatMap(([method, field]) => [
      post(`gitpod.v1.RunnerConfigurationService/${method}`, `{"${field}":${quoted}}`),
      post(`gitpod.v1.RunnerConfigurationService/${method}`, `{"runnerId":"${nil}","${field}":${quoted}}`),
      post(`gitpod.v1.RunnerConfigurationService/${method}`, `{"${field}":[${quoted}]}`),
    ]),
    ...[`{"exchangeToken":${quoted}}`, `{"exchangeToken":[${quoted}]}`].map((body) => post(exchange, body)),
  ]);
  const refusals = await Promise.all(wires.flatMap((wire) => refusedOn(clients, wire, token, secret)));
  const told = [
    ...answers.map(({ status, headers, text }) => ({ status, headers, text })),
    ...refusals.map(({ headers, ...rest }) => ({ ...rest, headers: [...headers] })),
  ];
  // Texts as they came: what is JSON already must not be escaped once more.
  return told.map((one) => `${JSON.stringify(one)}\n${"text" in one ? one.text : one.message}\n`).join("");
}

function refusedOn(clients: Clients, wire: Wire, token: string, secret: string): Promise<Refusal>[] {
  const client = (authorization: string) =>
    clients.client(RunnerService, { wire, token: null, headers: { authorization } });
  const open = clients.client(IdentityService, { wire, token: null });
  return [
    refusal(client(`Bearer ${secret} ${secret}`).listRunners({})),
    refusal(client(secret).getRunner({})),
    refusal(client(`Bearer ${token}`).getRunner({ runnerId: secret })),
    refusal(client(`Bearer ${token}`).listRunners({ pagination: { token: secret } })),
    refusal(open.exchangeToken({ exchangeToken: `${secret}.` })),
  ];
}
