import { timingSafeEqual } from "node:crypto";
import { DomainError } from "../errors.ts";

/** Whether runners have to show a certificate: none is asked for one, they may, they must. */
export type CertificatePolicy = "off" | "optional" | "required";

/** What a client showed, when its connection was made, to prove that it holds a key. */
export type ShownCertificate =
  | { readonly kind: "none" }
  /**
   * An authority of the operator's choice had signed it, for clients, and it was valid then.
   * `name` is the SHA-256 of what it is called: a renewed one is called the same.
   */
  | { readonly kind: "valid"; readonly name: Uint8Array }
  /** `why` is a code of OpenSSL, such as `CERT_HAS_EXPIRED`. */
  | { readonly kind: "invalid"; readonly why: string };

/** What everybody shows on a connection that asks for nothing. */
export const noCertificate: ShownCertificate = { kind: "none" };

/**
 * Checks that a runner's token may be used, or an exchange token exchanged, over a connection.
 * @param boundTo the name of the certificate that the token was exchanged with; null when there was none
 * @throws DomainError `unauthenticated`; the reason tells an agent whether another certificate helps
 */
export function checkCertificate(
  policy: CertificatePolicy,
  shown: ShownCertificate,
  boundTo: Uint8Array | null,
): void {
  if (policy === "off") return;
  switch (shown.kind) {
    case "none":
      if (policy === "optional" && boundTo === null) return;
      throw refusal("CLIENT_CERTIFICATE_REQUIRED", "this takes a client certificate, and none was shown");
    case "invalid":
      throw refusal("CLIENT_CERTIFICATE_INVALID", `the client certificate is not accepted: ${shown.why}`);
    case "valid":
      if (boundTo === null || timingSafeEqual(shown.name, boundTo)) return;
      throw refusal(
        "CLIENT_CERTIFICATE_MISMATCH",
        "the token was given out to a client certificate of another name",
      );
    default:
      shown satisfies never;
  }
}

/** What a token that is exchanged over this connection is bound to. */
export function bindingOf(policy: CertificatePolicy, shown: ShownCertificate): Uint8Array | null {
  return policy !== "off" && shown.kind === "valid" ? shown.name : null;
}

function refusal(reason: string, message: string): DomainError {
  return new DomainError("unauthenticated", message, { reason });
}
