import { invalidField } from "../errors.ts";

/** `gitpod.v1.LLMIntegrationPhase`, without the unspecified one, which none has. */
export const LlmPhase = { AVAILABLE: 1, UNAVAILABLE: 2, DISABLED: 3 } as const;
export type LlmPhase = (typeof LlmPhase)[keyof typeof LlmPhase];

/** What a runner says of one of its integrations. */
export interface LlmPhaseReport {
  readonly integrationId: string;
  readonly phase: typeof LlmPhase.AVAILABLE | typeof LlmPhase.UNAVAILABLE;
  /** For people. */
  readonly phaseReason: string;
}

/**
 * The phase that a caller asks for.
 * @throws DomainError `invalid` for one that only the runner gives
 */
export function settablePhase(phase: number): typeof LlmPhase.AVAILABLE | typeof LlmPhase.DISABLED {
  if (phase === LlmPhase.AVAILABLE || phase === LlmPhase.DISABLED) return phase;
  throw invalidField(
    "phase",
    "llm_integration.phase.settable",
    "must be AVAILABLE or DISABLED; the runner says what is unavailable",
  );
}
