import type { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { isIP } from "node:net";
import { type Config, ConfigError } from "../../config/config.ts";
import { type CertificateFacts, certificatesIn, readCertificate } from "../../tls/certificate-files.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Time to renew a certificate in, in milliseconds. */
const renewalMs = 14 * 24 * 60 * 60 * 1000;

/** Certificate and key: readable, of each other, in date, a chain, and for the name that the world uses. */
export async function tls({ config, nowMs }: Patient): Promise<Finding[]> {
  if (config.tls === null) return [clearText(config)];
  const { certFile, keyFile } = config.tls;
  try {
    const { certificate, facts } = await readCertificate(config.tls);
    const chain = certificatesIn(certFile, Buffer.from(certificate.cert));
    const found = [
      ...openKey(keyFile),
      ...facts.flatMap((one) => dates(one, nowMs)),
      ...links(chain, certFile),
      ...name(chain[0], config.externalUrl),
    ];
    const until = new Date(facts[0].notAfter).toISOString();
    return found.length > 0 ? found : [ok(`${certFile} is valid until ${until}, and ${keyFile} is its key`)];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [
      fail(
        error.message,
        "give PEM files that this user can read, the server's own certificate first, and its key without a passphrase",
      ),
    ];
  }
}

function clearText({ host, trustedProxies, externalUrl }: Config): Finding {
  if (["127.0.0.1", "::1", "localhost"].includes(host)) return ok("off; only this machine can connect");
  if (trustedProxies.length > 0 || externalUrl?.startsWith("https:")) return ok("off, behind a proxy");
  return warn(
    `off, and the server listens on ${host}`,
    "set --tls-cert and --tls-key, or put a proxy with TLS in front and name it in --trusted-proxies",
  );
}

function openKey(keyFile: string): Finding[] {
  if ((statSync(keyFile).mode & 0o007) === 0) return [];
  return [
    fail(`every user can read ${keyFile}`, `chmod o= ${keyFile}, and replace the key: it may be known`),
  ];
}

function dates({ file, names, notBefore, notAfter }: CertificateFacts, nowMs: number): Finding[] {
  const named = `${file}: ${names}`;
  const from = new Date(notBefore).toISOString();
  const until = new Date(notAfter).toISOString();
  if (nowMs > notAfter) return [fail(`${named} has expired on ${until}`, "renew it")];
  if (nowMs < notBefore) return [fail(`${named} is not valid before ${from}`, "wait, or set the clock")];
  return notAfter - nowMs < renewalMs ? [warn(`${named} expires on ${until}`, "renew it")] : [];
}

/** Each certificate is issued by the next; the root may be left out. */
function links(chain: readonly X509Certificate[], certFile: string): Finding[] {
  return chain.flatMap((certificate, i) => {
    const issuer = chain[i + 1];
    if (issuer === undefined) return [];
    if (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)) return [];
    return [
      fail(
        `${certFile}: ${oneLine(certificate.subject)} was not issued by the one after it, ${oneLine(issuer.subject)}`,
        "put the server's own certificate first, then the one that issued it, and so on",
      ),
    ];
  });
}

function name(leaf: X509Certificate, externalUrl: string | null): Finding[] {
  const host = externalUrl === null ? null : URL.parse(externalUrl)?.hostname.replace(/^\[|\]$/g, "");
  if (!host || (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined) return [];
  const names = leaf.subjectAltName ?? "no name at all";
  return [
    warn(`the certificate is for ${names}, not for ${host} of --external-url`, "get one for that name"),
  ];
}

/** A name has one line for each of its parts. */
function oneLine(subject: string): string {
  return subject.replaceAll("\n", ", ");
}
