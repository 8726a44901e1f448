import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { clientsOf } from "../support/clients.ts";
import { type HeldDisk, heldDisk, watchSettling } from "../support/held-disk.ts";
import { newUser } from "../support/people.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { openWatch } from "./events/fixture.ts";

// Nothing leaves the process that a power cut could take back: seen on the wire, with a disk that is held back.

let server: TestServer;
let disk: HeldDisk;
beforeEach(async () => {
  disk = heldDisk();
  server = await startTestServer({ disk });
});
afterEach(async () => {
  disk.release();
  await server.close();
});

const create = (name: string, wire: "grpc 2" | "connect-json 1.1" = "grpc 2") =>
  server.client(RunnerService, { wire }).createRunner({ name, provider: RunnerProvider.GCP });

/** A runner with a live lease; renewals need nothing of the disk. */
async function liveRunner() {
  const { runner, exchangeToken } = await create("live");
  server.keepSecret(exchangeToken);
  const exchanged = await server.post("gitpod.v1.IdentityService/ExchangeToken", { exchangeToken });
  const { accessToken } = exchanged.json<{ accessToken: string }>();
  const renew = (generation: number) =>
    server.post(
      "rollcall.v1.RunnerAgentService/RenewRegistration",
      { generation, appliedSpecRevision: 1 },
      { authorization: `Bearer ${accessToken}` },
    );
  expect((await renew(0)).status).toBe(200);
  return { id: runner?.runnerId ?? "", renew: async () => expect((await renew(1)).status).toBe(200) };
}

test("while a commit is on its way to disk no write, read or event leaves, and renewals do", async () => {
  const { id, renew } = await liveRunner();
  const clients = clientsOf(server.url);
  const watch = openWatch(clients);
  await watch.opened;
  disk.hold();
  const { watch: note, settled } = watchSettling();
  const first = note("create, gRPC", create("first"));
  await disk.waits();
  const second = note("create, HTTP", create("second", "connect-json 1.1"));
  const all = [
    first,
    second,
    note("get, gRPC", server.client(RunnerService).getRunner({ runnerId: id })),
    note("list, HTTP", server.post("gitpod.v1.RunnerService/ListRunners", {})),
    note("list, through Connect", server.client(RunnerService, { wire: "connect-get 1.1" }).listRunners({})),
    note("missing", server.post("gitpod.v1.RunnerService/GetRunner", { runnerId: crypto.randomUUID() })),
  ];
  for (let i = 0; i < 5; i += 1) await renew();
  expect([settled, watch.got]).toEqual([[], []]);
  disk.release();
  await Promise.all(all);
  expect(settled).toHaveLength(all.length);
  await watch.count(2);
  expect(watch.got[0]).toContain((await first).runner?.runnerId);
  expect(watch.got[1]).toContain((await second).runner?.runnerId);
  await watch.leave();
  clients.close();
});

test("a changed runner that is remembered from a read is not told before the change is durable either", async () => {
  const { id, renew } = await liveRunner();
  const get = () => server.client(RunnerService).getRunner({ runnerId: id });
  disk.hold();
  const { watch: note, settled } = watchSettling();
  const change = note("change", server.client(RunnerService).updateRunner({ runnerId: id, name: "changed" }));
  await disk.waits();
  const first = note("first", get());
  await renew();
  const second = note("second", get());
  for (let i = 0; i < 5; i += 1) await renew();
  expect(settled).toEqual([]);
  disk.release();
  await change;
  for (const { runner } of [await first, await second]) expect(runner?.name).toBe("changed");
});

test("a token that is being revoked is not refused before that is durable, and runners are known meanwhile", async () => {
  const { renew } = await liveRunner();
  const user = await newUser(server);
  server.keepSecret(user.token);
  const own = server.client(UserService, { token: user.token });
  const { personalAccessTokens } = await server.client(UserService).listPersonalAccessTokens({});
  const pat = personalAccessTokens.find(({ userId }) => userId === user.id);
  disk.hold();
  const { watch: note, settled } = watchSettling();
  const revoked = note(
    "revoked",
    server.client(UserService).deletePersonalAccessToken({ personalAccessTokenId: pat?.id ?? "" }),
  );
  await disk.waits();
  const call = note("called", own.getAuthenticatedUser({}));
  call.catch(() => {});
  // Whoever called before has to be looked for again, since rights may have changed.
  for (let i = 0; i < 5; i += 1) await renew();
  expect(settled).toEqual([]);
  disk.release();
  await revoked;
  await expect(call).rejects.toThrow("revoked");
});

test("a sync that fails is answered as unavailable, and nothing is promised or shown any more", async () => {
  const { renew } = await liveRunner();
  disk.hold();
  const write = create("lost?").then(
    () => null,
    (error: Error) => error.message,
  );
  await disk.waits();
  disk.break();
  expect(await write).toContain("[unavailable] the disk of the server failed");
  for (const procedure of ["CreateRunner", "ListRunners"]) {
    const refused = await server.post(`gitpod.v1.RunnerService/${procedure}`, {
      name: "next",
      provider: "RUNNER_PROVIDER_GCP",
    });
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining("STORE_UNAVAILABLE")]);
  }
  await renew();
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
  expect(server.log.text()).toContain("the server has to start again");
});
