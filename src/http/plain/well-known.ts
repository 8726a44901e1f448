import { keySetCacheMs } from "../../domain/keys/signing-key.ts";
import type { NodeServerRequest, Origin } from "../node-http.ts";
import type { PlainAnswer, PlainEndpoint } from "./plain.ts";

export interface WellKnownOptions {
  /** The issuer of the tokens: where the world reaches this server, without a slash at the end. */
  readonly issuer: () => string;
  readonly algorithm: string;
  /** The public keys, as JWKs. */
  readonly keys: () => Promise<readonly object[]>;
  /** Counts a request. @throws DomainError `resource_exhausted` when its client sends too many */
  readonly admit: (req: NodeServerRequest, origin: Origin) => void;
}

/** Where verifiers of our tokens find the issuer's metadata and keys (OpenID Connect Discovery 1.0). */
export function wellKnownEndpoints(options: WellKnownOptions): Record<string, PlainEndpoint> {
  const { issuer, algorithm, keys, admit } = options;
  return {
    "/.well-known/openid-configuration": (req, origin) => {
      admit(req, origin);
      return published("application/json", {
        issuer: issuer(),
        jwks_uri: `${issuer()}/.well-known/jwks.json`,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: [algorithm],
        scopes_supported: ["openid"],
        claims_supported: [
          "iss",
          "sub",
          "aud",
          "iat",
          "nbf",
          "exp",
          "jti",
          "organization_id",
          "principal",
          "principal_id",
        ],
      });
    },
    "/.well-known/jwks.json": async (req, origin) => {
      admit(req, origin);
      return published("application/jwk-set+json", { keys: await keys() });
    },
  };
}

/** Open to every page and every cache: it is public, and the same for all. */
function published(contentType: string, body: unknown): PlainAnswer {
  return {
    status: 200,
    headers: {
      "content-type": contentType,
      "cache-control": `public, max-age=${keySetCacheMs / 1000}`,
      "access-control-allow-origin": "*",
    },
    body: `${JSON.stringify(body)}\n`,
  };
}
