import type { Principal } from "../../domain/access/principal.ts";
import type { RunnerKind, RunnerProvider } from "../../domain/runners/enums.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import type { SpecCodec } from "../store.ts";
import type { runners } from "./schema.ts";

type Row = typeof runners.$inferSelect;

/** Turns runners into rows and back. */
export function runnerRows(specs: SpecCodec): { toRow(runner: Runner): Row; fromRow(row: Row): Runner } {
  return {
    toRow({ creator, spec, metricsPassword, ...columns }) {
      return {
        ...columns,
        creatorId: creator.id,
        creatorPrincipal: creator.principal,
        spec: Buffer.from(specs.encode(spec)),
        metricsPassword: metricsPassword && Buffer.from(metricsPassword),
      };
    },
    fromRow({ creatorId, creatorPrincipal, spec, ...columns }) {
      return {
        ...columns,
        kind: columns.kind as RunnerKind,
        provider: columns.provider as RunnerProvider,
        creator: { id: creatorId, principal: creatorPrincipal as Principal },
        spec: specs.decode(spec),
      };
    },
  };
}
