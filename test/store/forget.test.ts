import { expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { besideServer } from "../support/database.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer } from "../support/server.ts";

test("tokens that ended long ago are forgotten, live ones and the way they were made are not", async () => {
  const server = await startTestServer();
  const runners = server.client(RunnerService);
  const made = await runners.createRunner({ name: "forgotten", provider: 1 });
  const kept = await runners.createRunner({ name: "remembered", provider: 1 });
  const identity = server.client(IdentityService, { token: null });
  const ended = await identity.exchangeToken({ exchangeToken: made.exchangeToken });
  const live = await identity.exchangeToken({ exchangeToken: kept.exchangeToken });
  server.keepSecret(ended.accessToken, live.accessToken);
  await runners.deleteRunner({ runnerId: made.runner?.runnerId ?? "" });
  const whoami = (token: string) => server.client(IdentityService, { token }).getAuthenticatedIdentity({});
  expect((await refusal(whoami(ended.accessToken))).reason).toBe("RUNNER_DELETED");

  const yearLater = server.clock.now() + 365 * 86_400_000;
  await besideServer(server.config.dataDir, async ({ tokens }) => {
    expect(await tokens.forgetEnded(server.clock.now() - 1)).toBe(0);
    expect(await tokens.forgetEnded(yearLater)).toBeGreaterThan(0);
  });

  expect((await refusal(whoami(ended.accessToken))).reason).toBe("TOKEN_UNKNOWN");
  expect((await whoami(live.accessToken)).subject?.id).toBe(kept.runner?.runnerId);
  await server.close();
});
