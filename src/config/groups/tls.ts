import type { CertificatePolicy } from "../../domain/tokens/client-certificate.ts";
import { file, oneOf } from "../kinds.ts";
import { group } from "../setting.ts";

/** Files of PEM texts. */
export interface CertificateFiles {
  /** The server's own certificate first, then the chain that leads to an authority. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authorities that sign the certificates of clients; null asks for none. */
  readonly clientCaFile: string | null;
}

export interface TlsConfig {
  /** PEM files; null serves clear text. */
  readonly tls: CertificateFiles | null;
  /** Whether runners have to show a certificate. */
  readonly clientCertificates: CertificatePolicy;
}

export const tls = group(
  { title: "TLS" },
  {
    certFile: file("tls-cert", { help: "PEM certificate chain; serves TLS instead of clear text" }),
    keyFile: file("tls-key", { help: "PEM private key of the certificate" }),
    clientCaFile: file("tls-client-ca", {
      help: "PEM certificates of the authorities that sign those of runners; asks runners for theirs",
    }),
    clientAuth: oneOf("tls-client-auth", ["required", "optional"], {
      help: "whether runners must or may show a certificate of tls-client-ca",
      default: "required",
    }),
  },
  ({ certFile, keyFile, clientCaFile, clientAuth }, { text, wrong }): TlsConfig => {
    if ((certFile === null) !== (keyFile === null)) {
      wrong("tls-cert and tls-key go together", certFile === null ? "tls-key" : "tls-cert");
    }
    if (clientCaFile !== null && certFile === null) {
      wrong("tls-client-ca needs tls-cert and tls-key", "tls-client-ca");
    }
    if (clientCaFile === null && text("tls-client-auth") !== undefined) {
      wrong("tls-client-auth needs tls-client-ca", "tls-client-auth");
    }
    return {
      tls: certFile !== null && keyFile !== null ? { certFile, keyFile, clientCaFile } : null,
      clientCertificates: clientCaFile === null ? "off" : clientAuth,
    };
  },
);
