import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type AdminService, SigningKeyState } from "../../../gen/rollcall/v1/admin_pb.js";
import { draftGateway, gatewayNotFound } from "../../domain/gateways/gateway.ts";
import { type KeyState, keyState, type SigningKey } from "../../domain/keys/signing-key.ts";
import { runnerManagerNotFound } from "../../domain/runner-managers/runner-manager.ts";
import type { RunnerProvider } from "../../domain/runners/enums.ts";
import type { OperatorGrant } from "../../domain/users/rights.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { SigningDeps } from "./id-tokens.ts";
import { listOf, pageOf } from "./paging.ts";

type FleetAdministration = Pick<
  ServiceImpl<typeof AdminService>,
  | "createRunnerManager"
  | "listRunnerManagers"
  | "deleteRunnerManager"
  | "createGateway"
  | "listGateways"
  | "deleteGateway"
  | "rotateSigningKey"
  | "listSigningKeys"
  | "acknowledgeIncident"
>;

/** What an operator's methods need. */
export interface AdminDeps extends SigningDeps {
  readonly registry: RunnerRegistry;
}

/**
 * The part of `rollcall.v1.AdminService` about machines and keys.
 * @param operator the proof that the caller operates the server; rejects when it does not
 */
export function fleetAdministration(
  { store, clock, newId, keyRing, registry }: AdminDeps,
  operator: (context: HandlerContext) => Promise<OperatorGrant>,
): FleetAdministration {
  return {
    async createRunnerManager(request, context) {
      const grant = await operator(context);
      const manager = {
        id: newId(),
        organizationId: request.organizationId.toLowerCase() || grant.by.organizationId,
        name: request.name,
        createdAt: clock.now(),
      };
      await store.runnerManagers.create(grant, manager);
      return { runnerManager: stamped(manager) };
    },

    async listRunnerManagers(request, context) {
      const grant = await operator(context);
      const organizationId = request.organizationId.toLowerCase();
      const { rows, pagination } = await pageOf(request.pagination, listOf(context, organizationId), (page) =>
        store.runnerManagers.list(grant, organizationId || null, page),
      );
      return { runnerManagers: rows.map(stamped), pagination };
    },

    async deleteRunnerManager(request, context) {
      const grant = await operator(context);
      const id = request.runnerManagerId.toLowerCase();
      if (!(await store.runnerManagers.remove(grant, id, clock.now()))) throw runnerManagerNotFound();
      return {};
    },

    async createGateway(request, context) {
      const grant = await operator(context);
      const { name, url, region } = request;
      const organizationId = request.organizationId.toLowerCase() || grant.by.organizationId;
      const made = { id: newId(), organizationId, name, url, region, createdAt: clock.now() };
      const gateway = draftGateway(made);
      await store.gateways.create(grant, gateway);
      return { gateway: stamped(gateway) };
    },

    async listGateways(request, context) {
      const grant = await operator(context);
      const organizationId = request.organizationId.toLowerCase();
      const { rows, pagination } = await pageOf(request.pagination, listOf(context, organizationId), (page) =>
        store.gateways.listAll(grant, organizationId || null, page),
      );
      return { gateways: rows.map(stamped), pagination };
    },

    async deleteGateway(request, context) {
      const grant = await operator(context);
      const id = request.gatewayId.toLowerCase();
      if (!(await store.gateways.remove(grant, id, clock.now()))) throw gatewayNotFound();
      return {};
    },

    async rotateSigningKey(request, context) {
      const key = await keyRing.rotate(await operator(context), request.compromised);
      return { signingKey: signingKeyMessage(key, clock.now()) };
    },

    async listSigningKeys(_request, context) {
      await operator(context);
      return { signingKeys: keyRing.list().map((key) => signingKeyMessage(key, clock.now())) };
    },

    async acknowledgeIncident({ provider }, context) {
      const grant = await operator(context);
      return { runners: await registry.acknowledgeIncident(grant, provider as RunnerProvider) };
    },
  };
}

/** A record with its time as the wire has it. */
function stamped<T extends { readonly createdAt: number }>({ createdAt, ...record }: T) {
  return { ...record, createdAt: timestampFromMs(createdAt) };
}

const states: Record<KeyState, SigningKeyState> = {
  next: SigningKeyState.NEXT,
  active: SigningKeyState.ACTIVE,
  retired: SigningKeyState.RETIRED,
};

function signingKeyMessage(key: SigningKey, now: number) {
  return {
    id: key.id,
    state: states[keyState(key, now)],
    createdAt: timestampFromMs(key.createdAt),
    activeFrom: timestampFromMs(key.activeFrom),
    ...(key.retiredAt !== null && { retiredAt: timestampFromMs(key.retiredAt) }),
  };
}
