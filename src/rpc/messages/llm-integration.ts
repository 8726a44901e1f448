import { create } from "@bufbuild/protobuf";
import {
  type LLMIntegration,
  type LLMIntegrationRequestHeader,
  LLMIntegrationSchema,
  type UpdateLLMIntegrationRequest,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { invalidField } from "../../domain/errors.ts";
import {
  checkEndpoint,
  checkModels,
  type HeaderChange,
  type LlmIntegration,
  type LlmIntegrationChange,
} from "../../domain/llm-integrations/llm-integration.ts";
import { settablePhase } from "../../domain/llm-integrations/phase.ts";
import { checkApiKey, checkHeaders } from "../../domain/llm-integrations/secrets.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import { present } from "./present.ts";
import { sealForRunner } from "./sealed.ts";

/** @param secrets whether the caller may have what is sealed to the runner's key */
export function llmIntegrationMessage(
  integration: LlmIntegration,
  { secrets }: { readonly secrets: boolean },
): LLMIntegration {
  const { id, runnerId, endpoint, maxTokens, phase, phaseReason, provider } = integration;
  const sealed = (value: Uint8Array | null) => (secrets && value ? value : new Uint8Array());
  return create(LLMIntegrationSchema, {
    id,
    runnerId,
    models: [...integration.models],
    endpoint,
    encryptedApiKey: sealed(integration.apiKey),
    maxTokens: BigInt(maxTokens),
    phase,
    phaseReason,
    provider,
    requestHeaders: integration.headers.map(({ key, sealedValue, type }) => ({
      key,
      value: sealed(Buffer.from(sealedValue, "base64")),
      headerType: type,
    })),
  });
}

/**
 * An update request as a change by presence, its secrets sealed to the runner's key.
 * @throws DomainError `invalid` without what is secret; `failed_precondition` when there is no key to seal to
 */
export function llmIntegrationChange(
  { endpoint, models, apiKey, maxTokens, phase, requestHeaders }: UpdateLLMIntegrationRequest,
  runner: Pick<Runner, "report">,
): LlmIntegrationChange {
  return present({
    endpoint: endpoint === undefined ? undefined : checkEndpoint(endpoint),
    models: models.length === 0 ? undefined : checkModels(models),
    apiKey: apiKey === undefined ? undefined : sealedApiKey(apiKey, runner),
    maxTokens: maxTokens === undefined ? undefined : tokenCount(maxTokens),
    phase: phase === undefined ? undefined : settablePhase(phase),
    headers: requestHeaders.length === 0 ? undefined : headerChange(requestHeaders, runner),
  });
}

/** The API key as it is kept; null for an empty one, which takes no key to seal to. */
export function sealedApiKey(
  apiKey: string,
  { report }: Pick<Runner, "report">,
): { readonly sealed: Uint8Array; readonly sealedTo: Uint8Array } | null {
  return apiKey === "" ? null : sealForRunner(report.publicKey, checkApiKey(apiKey));
}

/** @throws DomainError `invalid` for a count that JavaScript has no number for */
export function tokenCount(maxTokens: bigint): number {
  if (maxTokens <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(maxTokens);
  throw invalidField(
    "max_tokens",
    "llm_integration.max_tokens.max",
    `must be at most ${Number.MAX_SAFE_INTEGER}`,
  );
}

/** Headers instead of the stored ones; a list of nothing but empty values takes headers of these keys away. */
function headerChange(
  sent: readonly LLMIntegrationRequestHeader[],
  runner: Pick<Runner, "report">,
): HeaderChange {
  const headers = checkHeaders(
    sent.map(({ key, value, headerType }) => ({ key, value, type: headerType })),
    runner,
  );
  const filled = headers.filter(({ value }) => value !== "");
  if (filled.length === 0) return { without: headers.map(({ key }) => key) };
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return {
    instead: filled.map(({ key, value, type }) => {
      const { sealed, sealedTo } = sealForRunner(runner.report.publicKey, value);
      return { key, sealedValue: base64(sealed), sealedTo: base64(sealedTo), type };
    }),
  };
}
