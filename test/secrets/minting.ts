import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import sodium from "libsodium-wrappers";
import { runCommand } from "../support/command.ts";
import { addToken, besideServer } from "../support/database.ts";
import { postJson } from "../support/http.ts";
import { type Secret, secretOf } from "./needles.ts";

/** A server under the hunt. */
export interface Hunted {
  readonly url: string;
  readonly dataDir: string;
  readonly adminToken: string;
}

/** What was made. */
export interface Minted {
  /** Every secret that this server makes or keeps, and two tokens that no longer or never worked. */
  readonly secrets: readonly Secret[];
  readonly runnerId: string;
}

/** What the answers have that is used here. */
interface Answer {
  readonly token: string & { readonly id: string };
  readonly id: string;
  readonly accessToken: string;
  readonly exchangeToken: string;
  readonly organizationId: string;
  readonly subject: { readonly id: string };
  readonly runner: { readonly runnerId: string };
  readonly serviceAccount: { readonly id: string };
}

/** A JSON call that must succeed. */
async function call(
  { url }: Hunted,
  procedure: string,
  body: object,
  headers: Record<string, string>,
): Promise<Answer> {
  const answer = await postJson(url, procedure, body, headers);
  if (answer.status !== 200) throw new Error(`${procedure} answered ${answer.status}`);
  return answer.json<Answer>();
}

const provider = "RUNNER_PROVIDER_AWS_EC2";
const dayMs = 24 * 60 * 60 * 1000;

/** Makes an admin's token that has expired long ago, in the database of a server that does not run. */
export async function mintExpired(dataDir: string): Promise<Secret> {
  const founded = await besideServer(dataDir, (store) => store.founding.first());
  if (founded === null) throw new Error("there is no organisation yet");
  const of = { organizationId: founded.organization.id, subjectId: founded.admin.id };
  return secretOf("expired token", (await addToken(dataDir, { ...of, expiresAt: 1 })).secret);
}

/** Makes every kind of secret, by the way that is meant for it. */
export async function mintAll(server: Hunted): Promise<Minted> {
  await sodium.ready;
  const secrets: Secret[] = [];
  const keep = (name: string, secret: string | Uint8Array): string => {
    if (secret.length < 16) throw new Error(`no ${name} came, or a short one`);
    secrets.push(secretOf(name, secret));
    return secret.toString();
  };
  const bearing = (token: string) => ({ authorization: `Bearer ${token}` });
  const asAdmin = bearing(server.adminToken);
  const admin = (procedure: string, body: object, headers = {}) =>
    call(server, procedure, body, { ...asAdmin, ...headers });

  const { subject } = await admin("gitpod.v1.IdentityService/GetAuthenticatedIdentity", {});
  const personal = { userId: subject.id, description: "hunted", validFor: "3600s" };
  keep("user's token", (await admin("gitpod.v1.UserService/CreatePersonalAccessToken", personal)).token);
  const founding = { name: "other", adminName: "Ada", adminEmail: "ada@other.example" };
  keep(
    "token of an organisation's first admin",
    (await admin("rollcall.v1.AdminService/CreateOrganization", founding)).token,
  );
  const userToken = { userId: subject.id };
  keep("operator's gift", (await admin("rollcall.v1.AdminService/CreateUserToken", userToken)).token);

  const account = { name: "ci", validUntil: new Date(Date.now() + dayMs).toISOString() };
  const { serviceAccount } = await admin("gitpod.v1.ServiceAccountService/CreateServiceAccount", account);
  const first = await admin("gitpod.v1.ServiceAccountService/CreateServiceAccountAccessToken", {
    serviceAccountId: serviceAccount.id,
  });
  const accountToken = keep("service account's first token", first.token);
  const own = await call(
    server,
    "gitpod.v1.ServiceAccountService/CreateServiceAccountToken",
    {},
    bearing(accountToken),
  );
  keep("service account's own token", own.token);

  const again = keep("idempotency key of a creation", `creation-${randomBytes(16).toString("hex")}`);
  const password = keep("metrics password", `p/+ "w&d?=%${randomBytes(12).toString("base64")}`);
  const metrics = { enabled: true, managedMetricsEnabled: true, url: "https://m.example", username: "u" };
  const request = {
    name: "hunted",
    provider,
    spec: { configuration: { metrics: { ...metrics, password } } },
  };
  const create = () => admin("gitpod.v1.RunnerService/CreateRunner", request, { "idempotency-key": again });
  const { runner, exchangeToken } = await create();
  if ((await create()).exchangeToken !== exchangeToken) throw new Error("a repeated creation was another");
  keep("exchange token that was used", exchangeToken);
  const { runnerId } = runner;
  const second = await admin("gitpod.v1.RunnerService/CreateRunnerToken", { runnerId });
  keep("exchange token that was not used", second.exchangeToken);
  const exchangeKey = keep("idempotency key of an exchange", `exchange-${randomBytes(16).toString("hex")}`);
  const { accessToken } = await call(
    server,
    "gitpod.v1.IdentityService/ExchangeToken",
    { exchangeToken },
    { "idempotency-key": exchangeKey },
  );
  keep("runner's token", accessToken);

  const asRunner = bearing(accessToken);
  const { publicKey } = sodium.crypto_box_keypair();
  const status = {
    phase: "RUNNER_PHASE_ACTIVE",
    version: "1.0.0",
    publicKey: Buffer.from(publicKey).toString("base64"),
  };
  const renew = (generation: number) =>
    call(server, "rollcall.v1.RunnerAgentService/RenewRegistration", { generation, status }, asRunner);
  await renew(0);
  const honeycombApiKey = keep("Honeycomb API key", `hcaik_${randomBytes(24).toString("hex")}`);
  await admin("gitpod.v1.RunnerService/UpdateRunner", {
    runnerId,
    spec: { configuration: { honeycombApiKey } },
  });
  const configuration = "gitpod.v1.RunnerConfigurationService";
  const apiKey = keep("API key of a language model", `sk-${randomBytes(24).toString("hex")}`);
  const models = ["SUPPORTED_MODEL_SONNET_4_5"];
  const { id } = await admin(`${configuration}/CreateLLMIntegration`, { runnerId, models, apiKey });
  const header = keep("value of a request header", `header-${randomBytes(24).toString("hex")}`);
  await admin(`${configuration}/UpdateLLMIntegration`, {
    id,
    requestHeaders: [{ key: "X-Team", value: Buffer.from(header).toString("base64") }],
  });
  const plainSecret = keep("client secret to validate", `client-${randomBytes(24).toString("hex")}`);
  const scmIntegration = {
    ...{ scmId: "github", host: "github.com", oauthClientId: "client" },
    oauthPlaintextClientSecret: plainSecret,
  };
  // Only the runner can try it, and this one does not listen: the refusal, too, must not hold the secret.
  const tried = { runnerId, scmIntegration };
  const refused = await postJson(server.url, `${configuration}/ValidateRunnerConfiguration`, tried, asAdmin);
  if (refused.status === 200) throw new Error("a runner that does not listen has tried a secret");
  await renew(1);
  const samples = [{ name: "jobs_running", value: 3 }];
  await call(
    server,
    "rollcall.v1.RunnerAgentService/ReportRunnerMetrics",
    { generation: 1, samples },
    asRunner,
  );

  const scm = { runnerId, scmId: "github", host: "github.com", pat: true };
  const clientSecret = keep("client secret of a host", `client-"s"-${randomBytes(16).toString("hex")}`);
  const client = { oauthClientId: "client", oauthPlaintextClientSecret: clientSecret };
  const { id: integrationId } = await admin(`${configuration}/CreateSCMIntegration`, { ...scm, ...client });
  const another = keep("changed client secret of a host", `client+${randomBytes(16).toString("hex")}`);
  await admin(`${configuration}/UpdateSCMIntegration`, {
    id: integrationId,
    oauthPlaintextClientSecret: another,
  });
  const hostToken = keep("token for a host", `ghp_${randomBytes(18).toString("hex")}`);
  const hostRefresh = keep("refresh token for a host", `ghr_%/${randomBytes(18).toString("hex")}`);
  const made = await admin(`${configuration}/CreateHostAuthenticationToken`, {
    ...{ runnerId, host: "github.com", token: hostToken, refreshToken: hostRefresh },
    source: "HOST_AUTHENTICATION_TOKEN_SOURCE_OAUTH",
  });
  const next = keep("changed token for a host", `gho_${randomBytes(18).toString("hex")}`);
  await admin(`${configuration}/UpdateHostAuthenticationToken`, { id: made.token.id, token: next });

  const audience = ["sts.example"];
  keep("id token", (await admin("gitpod.v1.IdentityService/GetIDToken", { audience })).token);
  keep(
    "logs token",
    (await admin("gitpod.v1.RunnerService/CreateRunnerLogsToken", { runnerId })).accessToken,
  );

  const words = ["token", "create", "--description", "hunted", "--data-dir", server.dataDir];
  keep("token made on the machine", (await runCommand(words)).stdout.trim());
  keep("token that nobody made", `rcpat_${randomBytes(24).toString("hex")}`);
  keep("server key", Buffer.from(readFileSync(join(server.dataDir, "server.key"), "utf8").trim(), "hex"));
  return { secrets, runnerId };
}
