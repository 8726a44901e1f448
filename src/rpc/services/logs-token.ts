import type { ServiceImpl } from "@connectrpc/connect";
import type { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { ResourceType } from "../../domain/access/resources.ts";
import { logsTokenClaims } from "../../domain/keys/claims.ts";
import { callerOf } from "../call/context.ts";
import type { SigningDeps } from "./id-tokens.ts";
import { authorizedRunner } from "./runner-access.ts";

/** The part of `gitpod.v1.RunnerService` that signs tokens. */
export function logsTokens(
  deps: SigningDeps,
): Pick<ServiceImpl<typeof RunnerService>, "createRunnerLogsToken"> {
  const { store, issues, clock, newId, keyRing, issuer } = deps;
  return {
    async createRunnerLogsToken(request, context) {
      const caller = callerOf(context);
      const runner = await authorizedRunner(store, caller, "readLogs", request.runnerId);
      const now = clock.now();
      const logs = { id: runner.id, logUrl: runner.report.logUrl };
      const claims = logsTokenClaims(caller, logs, { issuer: issuer(), id: newId(), now });
      const accessToken = await keyRing.sign("logs+jwt", claims);
      await issues.record({
        tokenId: caller.tokenId,
        audience: claims.aud,
        token: {
          by: runner.by,
          action: "runner.create_logs_token",
          subjectType: ResourceType.RUNNER,
          subjectId: runner.id,
          now,
        },
      });
      return { accessToken };
    },
  };
}
