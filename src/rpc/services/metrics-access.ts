import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import type { CallLimits } from "../../domain/limits/call-limits.ts";
import { readsServerMetrics } from "../../domain/users/rights.ts";
import type { Store } from "../../store/store.ts";
import type { Callers, Identity } from "../call/callers.ts";

interface Deps {
  readonly callers: Pick<Callers, "identify">;
  readonly limits: Pick<CallLimits, "countToken" | "countAddress">;
  readonly store: Pick<Store, "founding">;
}

/** What a scrape comes with. */
export interface Scrape {
  readonly authorization: string | null;
  /** Of the client. */
  readonly address: string;
}

/**
 * Who may read the metrics that runners pushed; null for all others.
 * @throws DomainError RATE_LIMITED: scrapes count as calls do, and refused tokens for their address
 */
export async function runnerMetricsReader(deps: Deps, scrape: Scrape): Promise<Caller | null> {
  const caller = await countedCaller(deps, scrape);
  if (caller === null || isRunner(caller)) return null;
  // Nothing that is decided for a scrape is written down with an address.
  return { ...caller, sourceAddress: "", userAgent: "" };
}

/** Who may read the metrics of the server as a whole; null for all others. @throws as {@link runnerMetricsReader} */
export async function serverMetricsReader(deps: Deps, scrape: Scrape): Promise<Identity | null> {
  const caller = await countedCaller(deps, scrape);
  if (caller === null) return null;
  const first = await deps.store.founding.first();
  return readsServerMetrics(caller, first?.organization.id ?? "") ? caller : null;
}

async function countedCaller({ callers, limits }: Deps, { authorization, address }: Scrape) {
  let caller: Identity;
  try {
    caller = await callers.identify(authorization);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    limits.countAddress(address);
    return null;
  }
  limits.countToken(caller.tokenId);
  return caller;
}
