import { create } from "@bufbuild/protobuf";
import {
  type EnvironmentClass,
  type ValidateRunnerConfigurationRequest,
  type ValidateRunnerConfigurationRequest_ValidateSCMIntegration,
  ValidateRunnerConfigurationRequestSchema,
  type ValidateRunnerConfigurationResponse,
  ValidateRunnerConfigurationResponseSchema,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  type CheckedClass,
  type ClassVerdict,
  isValidClass,
} from "../../domain/configuration-schema/class-verdict.ts";
import {
  type CheckedScm,
  isValidScm,
  type ScmVerdict,
} from "../../domain/configuration-schema/scm-verdict.ts";
import type { SealedSecret } from "../../domain/scm-integrations/scm-integration.ts";
import { present } from "./present.ts";

export function checkedClass({ displayName, description, configuration }: EnvironmentClass): CheckedClass {
  return { displayName, description, configuration: configuration.map(({ key, value }) => ({ key, value })) };
}

export function classVerdict(verdict: ClassVerdict): ValidateRunnerConfigurationResponse {
  return create(ValidateRunnerConfigurationResponseSchema, {
    result: {
      case: "environmentClass",
      value: {
        ...verdict,
        configurationErrors: [...verdict.configurationErrors],
        valid: isValidClass(verdict),
      },
    },
  });
}

export function checkedScm(sent: ValidateRunnerConfigurationRequest_ValidateSCMIntegration): CheckedScm {
  const { scmId, host, pat, oauthClientSecret: secret } = sent;
  const { oauthClientId, issuerUrl, virtualDirectory } = sent;
  const isSealed = secret.case === "oauthEncryptedClientSecret" && secret.value.length > 0;
  const plain = secret.case === "oauthPlaintextClientSecret" ? secret.value : "";
  const clientSecret = isSealed ? { sealed: secret.value } : { plain };
  return present({ scmId, host, pat, clientSecret, oauthClientId, issuerUrl, virtualDirectory });
}

export function scmVerdict(verdict: ScmVerdict): ValidateRunnerConfigurationResponse {
  return create(ValidateRunnerConfigurationResponseSchema, {
    result: { case: "scmIntegration", value: { ...verdict, valid: isValidScm(verdict) } },
  });
}

/** What the runner is to check: as it was sent, its client secret sealed to the runner's key. */
export function scmQuestion(
  runnerId: string,
  sent: ValidateRunnerConfigurationRequest_ValidateSCMIntegration,
  secret: SealedSecret | null,
): ValidateRunnerConfigurationRequest {
  const oauthClientSecret =
    secret === null
      ? ({ case: undefined } as const)
      : ({ case: "oauthEncryptedClientSecret", value: secret.sealed } as const);
  return create(ValidateRunnerConfigurationRequestSchema, {
    runnerId,
    config: { case: "scmIntegration", value: { ...sent, oauthClientSecret } },
  });
}
