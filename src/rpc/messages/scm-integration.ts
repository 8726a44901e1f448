import { create } from "@bufbuild/protobuf";
import {
  type CreateSCMIntegrationRequest,
  type SCMIntegration,
  SCMIntegrationSchema,
  type UpdateSCMIntegrationRequest,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  checkSecret,
  type ScmIntegration,
  type ScmIntegrationChange,
  type ScmIntegrationRequest,
  type SealedSecret,
} from "../../domain/scm-integrations/scm-integration.ts";
import { present } from "./present.ts";

/** @param withSecret whether the caller gets the sealed client secret: admins of the runner and the runner do */
export function scmIntegrationMessage(
  { id, scmId, host, pat, runnerId, oauth, issuerUrl, virtualDirectory }: ScmIntegration,
  withSecret: boolean,
): SCMIntegration {
  return create(SCMIntegrationSchema, {
    ...{ id, scmId, host, pat, runnerId },
    ...(virtualDirectory !== "" && { virtualDirectory }),
    ...(oauth !== null && {
      oauth: {
        clientId: oauth.clientId,
        encryptedClientSecret: withSecret ? oauth.sealed : new Uint8Array(),
        issuerUrl,
      },
    }),
  });
}

export function scmIntegrationRequest(request: CreateSCMIntegrationRequest): ScmIntegrationRequest {
  const { scmId, host, pat, oauthClientId = "", oauthPlaintextClientSecret = "" } = request;
  const { issuerUrl = "", virtualDirectory = "" } = request;
  const oauth = { oauthClientId, oauthClientSecret: oauthPlaintextClientSecret };
  return { scmId, host, pat, ...oauth, issuerUrl, virtualDirectory };
}

/** An update request as a change by presence: an empty secret leaves the stored one, and none is sealed in vain. */
export function scmIntegrationChange(
  request: UpdateSCMIntegrationRequest,
  seal: (secret: string) => SealedSecret,
): ScmIntegrationChange {
  const {
    oauthClientId,
    oauthPlaintextClientSecret: secret = "",
    pat,
    issuerUrl,
    virtualDirectory,
  } = request;
  checkSecret(secret);
  return present({
    oauthClientId,
    oauthClientSecret: secret === "" || oauthClientId === "" ? undefined : seal(secret),
    pat,
    issuerUrl,
    virtualDirectory,
  });
}
