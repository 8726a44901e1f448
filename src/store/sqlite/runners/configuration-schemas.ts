import { and, eq, sql } from "drizzle-orm";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import { runners, configurationSchemas as schemas } from "../schema.ts";

/** What runners said can be configured on them. */
export interface ConfigurationSchemas {
  get(organizationId: string, runnerId: string): Uint8Array | null;
  /** Replaces what the runner said before; usable inside a transaction. */
  keep(runnerId: string, schema: Uint8Array, now: number): void;
}

export function configurationSchemas(connection: Connection): ConfigurationSchemas {
  const select = connection
    .select({ schema: schemas.schema })
    .from(schemas)
    .innerJoin(runners, eq(runners.id, schemas.runnerId))
    .where(
      and(
        eq(schemas.runnerId, sql.placeholder("runnerId")),
        eq(runners.organizationId, sql.placeholder("organizationId")),
      ),
    )
    .prepare();
  const upsert = connection
    .insert(schemas)
    .values(columnPlaceholders(schemas))
    .onConflictDoUpdate({
      target: schemas.runnerId,
      set: { schema: sql`excluded.schema`, reportedAt: sql`excluded.reported_at` },
      setWhere: sql`${schemas.schema} <> excluded.schema`,
    })
    .prepare();
  return {
    get: (organizationId, runnerId) => select.get({ organizationId, runnerId })?.schema ?? null,
    keep(runnerId, schema, now) {
      upsert.run({ runnerId, schema: Buffer.from(schema), reportedAt: now });
    },
  };
}
