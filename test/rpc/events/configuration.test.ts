import { afterAll, beforeAll, expect, test } from "vitest";
import { EventService } from "../../../gen/gitpod/v1/event_pb.js";
import {
  HostAuthenticationTokenSource,
  RunnerConfigurationService,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { actor, type Kind, makeWorld, type World } from "../../access/world.ts";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { keyRunner } from "../../support/keyed-runner.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { type OpenWatch, openWatch, rename, updated } from "./fixture.ts";

let server: TestServer;
let world: World;
let clients: Clients;
const watches: OpenWatch[] = [];
beforeAll(async () => {
  server = await startTestServer();
  world = await makeWorld(server);
  clients = clientsOf(server.url);
});
afterAll(async () => {
  await Promise.all(watches.map((one) => one.leave()));
  clients.close();
  await server.close();
});

const { OAUTH, PAT } = HostAuthenticationTokenSource;
type Caller = Exclude<Kind, "nobody">;
const as = (kind: Caller = "org admin") =>
  server.client(RunnerConfigurationService, { token: actor(world, kind).token });
async function watching(token: string): Promise<OpenWatch> {
  const open = openWatch(clients, { token });
  watches.push(open);
  await open.opened;
  return open;
}

const things = /CLASS|INTEGRATION|HOST_AUTHENTICATION/;

test("each change of what is set up on a runner is told once, in order, to those who may see it", async () => {
  const { id: runnerId, exchangeToken } = await world.newRunner();
  const agent = await keyRunner(server, exchangeToken);
  const kinds = ["org admin", "runners admin", "runner admin", "runner user"] as const;
  const deaf = ["member", "other runner", "other org admin", "service account", "audit reader"] as const;
  const open = new Map<string, OpenWatch>([["runner itself", await watching(agent.token)]]);
  for (const kind of [...kinds, ...deaf]) open.set(kind, await watching(actor(world, kind).token));

  const client = { oauthClientId: "client", oauthPlaintextClientSecret: "secret-of-the-client" };
  const sized = { displayName: "Large", description: "Eight cores" };
  const { id: classId } = await as().createEnvironmentClass({ runnerId, ...sized });
  await as().updateEnvironmentClass({ environmentClassId: classId, enabled: false });
  await as().updateEnvironmentClass({ environmentClassId: classId });
  const github = { runnerId, scmId: "github", host: "github.com", pat: true, ...client };
  const { id: scmId } = await as().createSCMIntegration(github);
  const token = (source: HostAuthenticationTokenSource, kind: Caller) =>
    as(kind).createHostAuthenticationToken({ runnerId, host: "github.com", token: "t", source });
  const byUser = (await token(OAUTH, "runner user")).token?.id ?? "";
  const byAdmin = (await token(PAT, "runner admin")).token?.id ?? "";
  await as("runner user").updateHostAuthenticationToken({ id: byUser, token: "u" });
  await as().updateSCMIntegration({ id: scmId, oauthClientId: "" });
  await as().deleteSCMIntegration({ id: scmId });
  const { id: second } = await as().createSCMIntegration({ ...github, host: "gitlab.com", scmId: "gitlab" });
  const last = await as("runner user").createHostAuthenticationToken({
    ...{ runnerId, host: "gitlab.com", token: "t", source: PAT },
  });
  const lastId = last.token?.id ?? "";
  const audited = async () =>
    (await server.client(EventService).listAuditLogs({ pagination: { pageSize: 4 } })).entries.map(
      ({ action, subjectId }) => `${action} ${subjectId}`,
    );
  // Its stream ends with it, and tells why.
  const itself = open.get("runner itself");
  const ofItself = () => itself?.got.filter((one) => things.test(one)) ?? [];
  while (!ofItself().includes(`CREATE RUNNER_SCM_INTEGRATION ${second}`))
    await itself?.count(itself.got.length + 1);
  await world.runners.deleteRunner({ runnerId, force: true });
  expect((await audited()).sort()).toEqual(
    [
      `environment_class.delete ${classId}`,
      `host_authentication_token.delete ${lastId}`,
      `runner.delete ${runnerId}`,
      `scm_integration.delete ${second}`,
    ].sort(),
  );

  const configured = [
    `CREATE ENVIRONMENT_CLASS ${classId}`,
    `UPDATE ENVIRONMENT_CLASS ${classId}`,
    `CREATE RUNNER_SCM_INTEGRATION ${scmId}`,
    `CREATE HOST_AUTHENTICATION_TOKEN ${byUser}`,
    `CREATE HOST_AUTHENTICATION_TOKEN ${byAdmin}`,
    `UPDATE HOST_AUTHENTICATION_TOKEN ${byUser}`,
    `DELETE HOST_AUTHENTICATION_TOKEN ${byUser}`,
    `UPDATE RUNNER_SCM_INTEGRATION ${scmId}`,
    `DELETE HOST_AUTHENTICATION_TOKEN ${byAdmin}`,
    `DELETE RUNNER_SCM_INTEGRATION ${scmId}`,
    `CREATE RUNNER_SCM_INTEGRATION ${second}`,
    `CREATE HOST_AUTHENTICATION_TOKEN ${lastId}`,
    `DELETE HOST_AUTHENTICATION_TOKEN ${lastId}`,
    `DELETE RUNNER_SCM_INTEGRATION ${second}`,
    `DELETE ENVIRONMENT_CLASS ${classId}`,
  ];
  // The marker of those who see no runner of the test but their own.
  await rename(server, actor(world, "other runner").id);
  const expected = (kind: string) => {
    if (kind === "runner user") return configured.filter((one) => !one.includes(byAdmin));
    return configured;
  };
  expect(ofItself()).toEqual(configured.slice(0, -3).filter((one) => !one.includes("HOST_")));
  open.delete("runner itself");
  for (const [kind, watch] of open) {
    const heard = () => watch.got.filter((one) => things.test(one));
    if (deaf.some((one) => one === kind)) continue;
    while (heard().length < expected(kind).length) await watch.count(watch.got.length + 1);
    expect([kind, heard()]).toEqual([kind, expected(kind)]);
  }
  const other = open.get("other runner");
  while (!other?.got.includes(updated(actor(world, "other runner").id)))
    await other?.count(other.got.length + 1);
  for (const kind of deaf) {
    expect([kind, open.get(kind)?.got.filter((one) => things.test(one))]).toEqual([kind, []]);
  }
});
