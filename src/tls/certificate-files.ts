import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import tls from "node:tls";
import { ConfigError } from "../config/config.ts";
import type { CertificateFiles } from "../config/groups/tls.ts";
import type { Certificate } from "../http/connections/handshake.ts";

/** What people ask of a certificate. Times are wall-clock milliseconds. */
export interface CertificateFacts {
  readonly file: string;
  /** Subject and, where there are any, the names that clients compare with the address. */
  readonly names: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256 of the certificate, in hexadecimal with colons. */
  readonly fingerprint: string;
}

/** A certificate that was read and fits together. */
export interface ReadCertificate {
  readonly certificate: Certificate;
  /** Every certificate of the files, the server's own first. */
  readonly facts: readonly [CertificateFacts, ...CertificateFacts[]];
}

/**
 * Reads a certificate and holds its parts against each other, so that nothing is served that is half written.
 * @throws ConfigError that names the file and what is wrong with it
 */
export async function readCertificate(files: CertificateFiles): Promise<ReadCertificate> {
  const { certFile, keyFile, clientCaFile } = files;
  const cert = await read(certFile);
  const key = await read(keyFile);
  const [own, ...chain] = certificatesIn(certFile, cert);
  if (!own.checkPrivateKey(privateKey(keyFile, key))) {
    throw new ConfigError(`the first certificate in ${certFile} does not belong to the key in ${keyFile}`);
  }
  try {
    tls.createSecureContext({ cert, key });
  } catch (error) {
    throw new ConfigError(`${certFile} and ${keyFile} cannot be used: ${told(error)}`);
  }
  const facts: [CertificateFacts, ...CertificateFacts[]] = [factsOf(certFile, own)];
  for (const one of chain) facts.push(factsOf(certFile, one));
  if (clientCaFile === null) return { certificate: { cert, key }, facts };
  const clientCa = await read(clientCaFile);
  for (const one of certificatesIn(clientCaFile, clientCa)) facts.push(factsOf(clientCaFile, one));
  return { certificate: { cert, key, clientCa }, facts };
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** @throws ConfigError when there is none, or one that is broken */
export function certificatesIn(file: string, pem: Buffer): [X509Certificate, ...X509Certificate[]] {
  const text = pem.toString("latin1");
  const blocks = text.match(pemCertificate) ?? [];
  // A block that has begun and does not end is a file that is still being written.
  const whole = blocks.length === text.split("-----BEGIN CERTIFICATE-----").length - 1;
  try {
    const [first, ...others] = blocks.map((block) => new X509Certificate(block));
    if (whole && first !== undefined) return [first, ...others];
  } catch {}
  throw new ConfigError(`${file} holds no whole certificates in PEM`);
}

function privateKey(file: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new ConfigError(`${file} holds no private key in PEM that needs no passphrase`);
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${told(error)}`);
  }
}

function factsOf(file: string, certificate: X509Certificate): CertificateFacts {
  const { subject, subjectAltName, fingerprint256 } = certificate;
  const names = [subject?.replaceAll("\n", ", "), subjectAltName].filter(Boolean).join("; ");
  const notBefore = Date.parse(certificate.validFrom);
  return { file, names, notBefore, notAfter: Date.parse(certificate.validTo), fingerprint: fingerprint256 };
}

function told(error: unknown): string {
  return Error.isError(error) ? error.message : String(error);
}
