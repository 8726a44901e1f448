import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  type RenewRegistrationRequest,
  RenewRegistrationRequestSchema,
  type RenewRegistrationResponse,
  type RunnerStatusReportSchema,
} from "../../gen/rollcall/v1/agent_pb.js";
import type { Standing } from "./condition.ts";
import type { RunnerFacts } from "./options.ts";

/** What the agent and the server agree on. Plain data: every step makes a new one. */
export interface Registration {
  /** 0: none yet, the next renewal opens one. */
  readonly generation: number;
  /** What the server last acknowledged; null: nothing in this generation, so everything is sent. */
  readonly acknowledged: Standing | null;
}

export const unregistered: Registration = { generation: 0, acknowledged: null };

/** What does not change while the process lives. */
export interface Identity {
  readonly runnerId: string;
  readonly facts: RunnerFacts;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** The next renewal: everything at first, then only what is new. */
export function renewalRequest(
  { generation, acknowledged }: Registration,
  identity: Identity,
  standing: Standing,
  appliedSpecRevision: number,
): RenewRegistrationRequest {
  const request = { runnerId: identity.runnerId, generation, appliedSpecRevision };
  if (acknowledged === null) {
    return create(RenewRegistrationRequestSchema, { ...request, status: fullReport(identity, standing) });
  }
  const status = {
    ...(standing.phase !== acknowledged.phase && { phase: standing.phase }),
    ...(standing.message !== acknowledged.message && { message: standing.message }),
  };
  const news = Object.keys(status).length > 0;
  return create(RenewRegistrationRequestSchema, news ? { ...request, status } : request);
}

/** The server acknowledged a renewal that reported this standing. */
export function acknowledge(response: RenewRegistrationResponse, standing: Standing): Registration {
  return { generation: response.generation, acknowledged: standing };
}

function fullReport(
  { facts, publicKey }: Identity,
  { phase, message }: Standing,
): MessageInitShape<typeof RunnerStatusReportSchema> {
  return {
    phase,
    message,
    version: facts.version,
    systemDetails: facts.systemDetails,
    ...(facts.region !== undefined && { region: facts.region }),
    capabilities: { values: [...facts.capabilities] },
    additionalInfo: { entries: facts.additionalInfo.map(({ key, value }) => ({ key, value })) },
    publicKey,
  };
}

const usualMs = 30_000;
const shortestMs = 50;
const longestMs = 60 * 60 * 1_000;

/** How long until the next renewal, in milliseconds: what the server said, within reason. */
export function renewAfterMs({ renewAfter }: RenewRegistrationResponse): number {
  const ms = renewAfter === undefined ? usualMs : durationMs(renewAfter);
  return Math.min(longestMs, Math.max(shortestMs, ms));
}

/** How long the lease lasts that a renewal got, in milliseconds; 0 when the server did not say. */
export function leaseMs({ lease }: RenewRegistrationResponse): number {
  return lease === undefined ? 0 : durationMs(lease);
}

/** The same renewal without the status fields that the server refused; without a name for them, without all facts. */
export function reduceRequest(
  request: RenewRegistrationRequest,
  refused: readonly string[],
): RenewRegistrationRequest {
  const { $typeName: _, ...rest } = request;
  const { status } = request;
  if (status === undefined) return request;
  const { $typeName: __, ...fields } = status;
  const named = new Set(
    refused.map((path) => path.split(".")[1]?.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())),
  );
  const kept = Object.entries(fields).filter(([name]) => !named.has(name));
  const reduced =
    kept.length < Object.keys(fields).length ? Object.fromEntries(kept) : { phase: status.phase };
  return create(RenewRegistrationRequestSchema, { ...rest, status: reduced });
}
