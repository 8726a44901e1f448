import { eq, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import { ResourceType } from "../../../domain/access/resources.ts";
import type { Runner } from "../../../domain/runners/runner.ts";
import type { Connection } from "../engine/open.ts";
import { environmentClasses, hostAuthenticationTokens, llmIntegrations, scmIntegrations } from "../schema.ts";
import type { ConfigurationEntry, ConfigurationLog } from "./configuration.ts";
import type { ConfiguredTable } from "./configuration-list.ts";

/** Removes all that is set up on a runner that goes away, and tells of each; usable inside a transaction. */
export function configurationEnder(connection: Connection, log: ConfigurationLog) {
  const ender = (
    resourceType: ConfigurationEntry["resourceType"],
    table: ConfiguredTable,
    owner = sql<string | null>`NULL`,
  ) => {
    const ofRunner = eq(table.runnerId, sql.placeholder("runnerId"));
    const select = connection.select({ id: table.id, ownerId: owner }).from(table).where(ofRunner).prepare();
    const remove = connection.delete(table).where(ofRunner).prepare();
    return (runner: Runner, by: Attribution, now: number) => {
      for (const { id, ownerId } of select.all({ runnerId: runner.id })) {
        const owned = ownerId === null ? {} : { ownerId };
        log.written(runner, by, { resourceType, resourceId: String(id), verb: "delete", ...owned }, now);
      }
      remove.run({ runnerId: runner.id });
    };
  };
  const enders = [
    // Ahead of the integrations that they refer to.
    ender(
      ResourceType.HOST_AUTHENTICATION_TOKEN,
      hostAuthenticationTokens,
      sql<string>`${hostAuthenticationTokens.subjectId}`,
    ),
    ender(ResourceType.RUNNER_SCM_INTEGRATION, scmIntegrations),
    ender(ResourceType.RUNNER_LLM_INTEGRATION, llmIntegrations),
    ender(ResourceType.ENVIRONMENT_CLASS, environmentClasses),
  ];
  return (runner: Runner, by: Attribution, now: number): void => {
    for (const end of enders) end(runner, by, now);
  };
}
