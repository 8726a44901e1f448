// The story of the official TypeScript SDK, unmodified. It speaks plain JSON over HTTP/1.1, under the base path /api.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import Gitpod, { AuthenticationError, BadRequestError, ConflictError, NotFoundError } from "@gitpod/sdk";

const {
  ROLLCALL_URL: url = "",
  ROLLCALL_TOKEN: token = "",
  ROLLCALL_ORGANIZATION: organizationId,
} = process.env;
// Younger than the types of this version.
const gcp = "RUNNER_PROVIDER_GCP" as string as Gitpod.RunnerProvider;
const unknownId = "01900000-0000-7000-8000-000000000000";

let requests = 0;
const counted: typeof fetch = (...request) => {
  requests += 1;
  return fetch(...request);
};
const client = new Gitpod({ baseURL: `${url}/api`, bearerToken: token, fetch: counted });

/** The examples of the SDK's documentation, and the kind of runner that each makes. */
const examples = [
  {
    name: "AWS Runner",
    provider: "RUNNER_PROVIDER_AWS_EC2",
    region: "us-west",
    releaseChannel: "RUNNER_RELEASE_CHANNEL_STABLE",
    kind: "RUNNER_KIND_REMOTE",
  },
  {
    name: "GCP Runner",
    provider: gcp,
    region: "us-central1",
    releaseChannel: "RUNNER_RELEASE_CHANNEL_STABLE",
    kind: "RUNNER_KIND_REMOTE",
  },
  {
    name: "Local Development Runner",
    provider: "RUNNER_PROVIDER_LINUX_HOST",
    releaseChannel: "RUNNER_RELEASE_CHANNEL_LATEST",
    kind: "RUNNER_KIND_LOCAL",
  },
] as const;
const ids: string[] = [];
let exchangeToken = "";

const steps = {
  async create() {
    for (const { name, provider, kind, ...configuration } of examples) {
      const desiredPhase = "RUNNER_PHASE_ACTIVE";
      const spec = { desiredPhase, configuration: { ...configuration, autoUpdate: true } } as const;
      const created = await client.runners.create({ name, provider, spec });
      assert.match(created.runner.runnerId ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.match(created.exchangeToken ?? "", /^rcexc_/);
      assert.equal(created.runner.kind, kind);
      assert.equal(created.runner.status?.phase, "RUNNER_PHASE_CREATED");
      assert.deepEqual(created.runner.spec, spec);
      ids.push(created.runner.runnerId ?? "");
      exchangeToken = created.exchangeToken ?? "";
    }
  },

  async get() {
    const { runner } = await client.runners.retrieve({ runnerId: ids[0] });
    assert.equal(runner.name, "AWS Runner");
    assert.equal(runner.provider, "RUNNER_PROVIDER_AWS_EC2");
    assert.deepEqual(runner.spec?.configuration, {
      region: "us-west",
      releaseChannel: "RUNNER_RELEASE_CHANNEL_STABLE",
      autoUpdate: true,
    });
  },

  async list() {
    const seen: (string | undefined)[] = [];
    const before = requests;
    for await (const { runnerId } of client.runners.list({ pageSize: 1 })) seen.push(runnerId);
    for (const id of ids) assert.equal(seen.filter((other) => other === id).length, 1);
    assert.equal(requests - before, seen.length, "one request for each page");

    const { runners } = await client.runners.list({ filter: { providers: [gcp] } });
    assert.deepEqual(
      runners.map(({ runnerId }) => runnerId),
      [ids[1]],
    );
  },

  async update() {
    await client.runners.update({ runnerId: ids[0], spec: { configuration: { autoUpdate: false } } });
    await client.runners.update({ runnerId: ids[0], name: "Updated Runner Name" });
    const { runner } = await client.runners.retrieve({ runnerId: ids[0] });
    assert.equal(runner.name, "Updated Runner Name");
    assert.deepEqual(runner.spec, {
      desiredPhase: "RUNNER_PHASE_ACTIVE",
      configuration: { region: "us-west", releaseChannel: "RUNNER_RELEASE_CHANNEL_STABLE" },
    });
  },

  async policies() {
    // This version has no method that makes a group.
    const { group } = await client.post<{ group: { id: string } }>("/gitpod.v1.GroupService/CreateGroup", {
      body: { organizationId, name: "interop" },
    });
    const grant = { runnerId: ids[0], groupId: group.id };
    const { policy } = await client.runners.policies.create({ ...grant, role: "RUNNER_ROLE_USER" });
    assert.deepEqual(policy, { groupId: group.id, role: "RUNNER_ROLE_USER" });
    await client.runners.policies.update({ ...grant, role: "RUNNER_ROLE_ADMIN" });
    const listed = await client.runners.policies.list({ runnerId: ids[0], pageSize: 1 });
    assert.deepEqual(listed.policies, [{ groupId: group.id, role: "RUNNER_ROLE_ADMIN" }]);
    await client.runners.policies.delete(grant);
    assert.deepEqual((await client.runners.policies.list({ runnerId: ids[0] })).policies, []);
  },

  async tokens() {
    const further = await client.runners.createRunnerToken({ runnerId: ids[2] });
    for (const once of [exchangeToken, further.exchangeToken]) {
      const { accessToken } = await client.identity.exchangeToken({ exchangeToken: once });
      const runner = client.withOptions({ bearerToken: accessToken });
      const { subject } = await runner.identity.getAuthenticatedIdentity({});
      assert.deepEqual(subject, { id: ids[2], principal: "PRINCIPAL_RUNNER" });
    }
    await assert.rejects(client.identity.exchangeToken({ exchangeToken }), AuthenticationError);
  },

  async events() {
    const stream = await client.events.watch({ organization: true });
    await client.runners.update({ runnerId: ids[1], name: "Watched Runner" });
    for await (const { operation, resourceType, resourceId } of stream) {
      assert.equal(resourceType, "RESOURCE_TYPE_RUNNER");
      if (operation === "RESOURCE_OPERATION_UPDATE" && resourceId === ids[1]) break;
    }
    stream.controller.abort();

    let created = 0;
    for await (const { action, subjectId } of client.events.list({ pageSize: 5 })) {
      if (action === "runner.create" && ids.includes(subjectId ?? "")) created += 1;
    }
    assert.equal(created, 3, "the audit log has every creation once");
  },

  async delete() {
    await client.runners.delete({ runnerId: ids[0] });
    await client.runners.delete({ runnerId: ids[1], force: true });
    for (const runnerId of ids.slice(0, 2)) await gone(runnerId);
  },

  async errors() {
    await assert.rejects(client.runners.retrieve({ runnerId: unknownId }), (error) => {
      assert(error instanceof NotFoundError);
      assert.equal(error.code, "not_found");
      assert.equal(error.message, "404 runner not found");
      return true;
    });
    await assert.rejects(client.runners.create({ name: "ab" }), (error) => {
      assert(error instanceof BadRequestError);
      assert.equal(error.code, "invalid_argument");
      assert.match(error.message, /name: .*provider is missing/);
      return true;
    });
    const nobody = client.withOptions({ bearerToken: "nobody" });
    await assert.rejects(nobody.runners.list({}), AuthenticationError);
    await assert.rejects(nobody.events.watch({}), AuthenticationError);

    const before = requests;
    const taken = client.post("/gitpod.v1.GroupService/CreateGroup", {
      body: { organizationId, name: "interop" },
    });
    await assert.rejects(taken, ConflictError);
    await assert.rejects(client.environments.list({}), { code: "unimplemented" });
    assert.equal(requests - before, 2, "what fails for good is not tried again");
  },
};

/** Resolves once the runner is gone, as clients wait for it. */
async function gone(runnerId: string | undefined): Promise<void> {
  for (;;) {
    try {
      await client.runners.retrieve({ runnerId });
    } catch (error) {
      if (error instanceof NotFoundError) return;
      throw error;
    }
    await sleep(100);
  }
}

const sdk = JSON.parse(readFileSync("node_modules/@gitpod/sdk/package.json", "utf8"));
process.stdout.write(`version ${sdk.name} ${sdk.version}\n`);
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
  } catch (error) {
    process.stdout.write(`not ok JSON 1.1 ${name}: ${error}\n`);
    process.exit(1);
  }
  process.stdout.write(`ok JSON 1.1 ${name}\n`);
}
