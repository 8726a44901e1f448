import { describe } from "vitest";
import { accountContract } from "./contract/accounts.ts";
import { eventContract } from "./contract/events.ts";
import { exchangeContract } from "./contract/exchange.ts";
import { idempotencyContract } from "./contract/idempotency.ts";
import { leaseContract } from "./contract/leases.ts";
import { listContract } from "./contract/list.ts";
import { runnerContract } from "./contract/runners.ts";
import type { OpenStore } from "./contract/setting.ts";
import { tokenContract } from "./contract/tokens.ts";
import { updateContract } from "./contract/update.ts";

/**
 * What every backend of the store must do.
 * @param openStore opens an empty one for one test.
 */
export function storeContract(name: string, openStore: OpenStore): void {
  describe(`the store on ${name}`, () => {
    describe("accounts", () => accountContract(openStore));
    describe("runners", () => runnerContract(openStore));
    describe("lists of runners", () => listContract(openStore));
    describe("changes of runners", () => updateContract(openStore));
    describe("idempotent calls", () => idempotencyContract(openStore));
    describe("exchange tokens", () => exchangeContract(openStore));
    describe("access tokens", () => tokenContract(openStore));
    describe("leases", () => leaseContract(openStore));
    describe("events", () => eventContract(openStore));
  });
}
