import { DomainError } from "../../domain/errors.ts";
import { readsServerMetrics } from "../../domain/users/rights.ts";
import type { Store } from "../../store/store.ts";
import type { Callers } from "../call/callers.ts";

/** Whether the bearer of an Authorization header may read the metrics of the server as a whole. */
export async function mayReadMetrics(
  {
    store,
    callers,
  }: { readonly store: Pick<Store, "accounts">; readonly callers: Pick<Callers, "identify"> },
  authorization: string | null,
): Promise<boolean> {
  try {
    const caller = await callers.identify(authorization);
    const first = await store.accounts.first();
    return readsServerMetrics(caller, first?.organization.id ?? "");
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}
