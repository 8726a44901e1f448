import { DomainError, invalidField } from "../errors.ts";
import type { Runner } from "../runners/runner.ts";
import { refuseKeyChanged } from "../runners/update.ts";
import { LlmPhase, type LlmPhaseReport } from "./phase.ts";

/** `gitpod.v1.LLMProvider`, without the unspecified one. */
export const LlmProvider = { ANTHROPIC: 1, OPENAI: 2 } as const;
export type LlmProvider = (typeof LlmProvider)[keyof typeof LlmProvider];

/** A connection of a runner to a provider of language models. Times are wall-clock milliseconds. */
export interface LlmIntegration {
  readonly id: string;
  readonly organizationId: string;
  readonly runnerId: string;
  /** Numbers of `gitpod.v1.SupportedModel`, each once. */
  readonly models: readonly number[];
  /** As it was sent; empty: the provider's usual one. */
  readonly endpoint: string;
  /** Sealed to `sealedTo`; null when there is none. */
  readonly apiKey: Uint8Array | null;
  /** The public key of the runner that the API key is sealed to; null without one. */
  readonly sealedTo: Uint8Array | null;
  /** 0: the model's own limit. */
  readonly maxTokens: number;
  readonly phase: LlmPhase;
  /** Why it is unavailable, for people; empty otherwise. */
  readonly phaseReason: string;
  readonly headers: readonly LlmHeader[];
  readonly provider: LlmProvider;
  readonly createdAt: number;
}

/** A header that the runner adds to its requests. Keys are unique in any case. */
export interface LlmHeader {
  readonly key: string;
  /** In base64, as is the key of the runner that it is sealed to. */
  readonly sealedValue: string;
  readonly sealedTo: string;
  /** `gitpod.v1.LLMIntegrationRequestHeaderType`. */
  readonly type: number;
}

/** What a caller may change; an absent key leaves the field as it is. */
export interface LlmIntegrationChange {
  readonly endpoint?: string;
  readonly models?: readonly number[];
  /** Null takes the key away. */
  readonly apiKey?: { readonly sealed: Uint8Array; readonly sealedTo: Uint8Array } | null;
  readonly maxTokens?: number;
  readonly phase?: typeof LlmPhase.AVAILABLE | typeof LlmPhase.DISABLED;
  readonly headers?: HeaderChange;
}

/** Headers instead of those that there are, or the keys of headers to take away. */
export type HeaderChange =
  | { readonly instead: readonly LlmHeader[] }
  | { readonly without: readonly string[] };

/** The numbers of `gitpod.v1.SupportedModel` whose names say OPENAI. */
export const openAiModels: ReadonlySet<number> = new Set([10, 11, 12, 13, 23]);

/**
 * An integration as it is made: available, its provider inferred from its models.
 * @throws DomainError `invalid`
 */
export function draftLlmIntegration(
  runner: Pick<Runner, "id" | "organizationId">,
  request: { readonly models: readonly number[]; readonly endpoint: string; readonly maxTokens: number },
  apiKey: LlmIntegrationChange["apiKey"],
  made: { readonly id: string; readonly now: number },
): LlmIntegration {
  const models = checkModels(request.models);
  return {
    id: made.id,
    organizationId: runner.organizationId,
    runnerId: runner.id,
    models,
    endpoint: checkEndpoint(request.endpoint),
    apiKey: apiKey?.sealed ?? null,
    sealedTo: apiKey?.sealedTo ?? null,
    maxTokens: request.maxTokens,
    phase: LlmPhase.AVAILABLE,
    phaseReason: "",
    headers: [],
    provider: providerOf(models),
    createdAt: made.now,
  };
}

/**
 * The integration after a change. Pure, so that a store can run it inside its transaction. What the runner found
 * unavailable gets another chance when its address or a secret of it changes.
 * @param runner as it is now: what is sealed to another key than its own cannot be used
 * @throws DomainError `aborted` when a secret of the change is sealed to an earlier key
 */
export function applyLlmChange(
  existing: LlmIntegration,
  change: LlmIntegrationChange,
  runner: Pick<Runner, "report">,
): LlmIntegration {
  const { apiKey, headers, models, ...plain } = change;
  if (apiKey) refuseKeyChanged(apiKey.sealedTo, runner);
  const changed: LlmIntegration = {
    ...existing,
    ...plain,
    ...(models && { models, provider: providerOf(models) }),
    ...(apiKey !== undefined && { apiKey: apiKey?.sealed ?? null, sealedTo: apiKey?.sealedTo ?? null }),
    ...(headers && { headers: changedHeaders(existing.headers, headers, runner) }),
  };
  const renewed = change.endpoint !== undefined || apiKey !== undefined || headers !== undefined;
  if (change.phase !== undefined) return usableWith({ ...changed, phaseReason: "" }, runner.report.publicKey);
  if (!renewed || changed.phase !== LlmPhase.UNAVAILABLE) return usableWith(changed, runner.report.publicKey);
  return usableWith({ ...changed, phase: LlmPhase.AVAILABLE, phaseReason: "" }, runner.report.publicKey);
}

/** The integration, unavailable when it is on and one of its secrets is sealed to another key than the runner's. */
export function usableWith(integration: LlmIntegration, publicKey: Uint8Array): LlmIntegration {
  if (integration.phase === LlmPhase.DISABLED) return integration;
  const { apiKey, sealedTo, headers } = integration;
  const wanted = Buffer.from(publicKey).toString("base64");
  const stale = headers.find((header) => header.sealedTo !== wanted);
  const isStale = apiKey !== null && Buffer.compare(sealedTo ?? new Uint8Array(), publicKey) !== 0;
  if (!isStale && stale === undefined) return integration;
  const what = isStale ? "the API key" : `the value of the header ${stale?.key}`;
  const phaseReason = `${what} was sealed to an earlier key of the runner; set it again`;
  return { ...integration, phase: LlmPhase.UNAVAILABLE, phaseReason };
}

/** The integration after its runner spoke of it; as it was while an operator has it switched off. */
export function reportedLlm(
  existing: LlmIntegration,
  { phase, phaseReason }: LlmPhaseReport,
  publicKey: Uint8Array,
): LlmIntegration {
  if (existing.phase === LlmPhase.DISABLED) return existing;
  const isWell = phase === LlmPhase.AVAILABLE;
  return usableWith({ ...existing, phase, phaseReason: isWell ? "" : phaseReason }, publicKey);
}

function changedHeaders(
  stored: readonly LlmHeader[],
  change: HeaderChange,
  { report }: Pick<Runner, "report">,
): readonly LlmHeader[] {
  if ("instead" in change) {
    for (const { sealedTo } of change.instead) refuseKeyChanged(Buffer.from(sealedTo, "base64"), { report });
    return change.instead;
  }
  const gone = new Set(change.without.map((key) => key.toLowerCase()));
  return stored.filter(({ key }) => !gone.has(key.toLowerCase()));
}

function providerOf(models: readonly number[]): LlmProvider {
  return models.some((model) => openAiModels.has(model)) ? LlmProvider.OPENAI : LlmProvider.ANTHROPIC;
}

/** Each model once, in the order in which they were sent. @throws DomainError `invalid` for the unspecified one */
export function checkModels(models: readonly number[]): readonly number[] {
  const at = models.indexOf(0);
  if (at !== -1) throw invalidField(`models[${at}]`, "llm_integration.models.specified", "must be a model");
  return [...new Set(models)];
}

const endpointAtMost = 2048;

/** @throws DomainError `invalid` */
export function checkEndpoint(endpoint: string): string {
  if (endpoint === "") return endpoint;
  const url = URL.parse(endpoint);
  const isHttp =
    url !== null && ["http:", "https:"].includes(url.protocol) && /^https?:\/\/\S+$/i.test(endpoint);
  if (endpoint.length <= endpointAtMost && isHttp) return endpoint;
  throw invalidField(
    "endpoint",
    "llm_integration.endpoint.url",
    `must be an http or https URL of at most ${endpointAtMost} characters, without blanks`,
  );
}

/** The error for an integration that does not exist, or that the caller may not know of. */
export function llmIntegrationNotFound(): DomainError {
  return new DomainError("not_found", "LLM integration not found", { reason: "LLM_INTEGRATION_NOT_FOUND" });
}
