import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM texts of a certificate and its key. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const ecKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";

/** A self-signed certificate for localhost and 127.0.0.1, made by openssl. */
export function selfSigned(commonName: string, days = 2): KeyPair {
  return inFolder((folder) => {
    const files = { key: join(folder, "key.pem"), cert: join(folder, "cert.pem") };
    const subject = ["-subj", `/CN=${commonName}`, "-addext", names];
    openssl([
      "req",
      "-x509",
      ...ecKey,
      "-keyout",
      files.key,
      "-out",
      files.cert,
      "-days",
      String(days),
      ...subject,
    ]);
    return { cert: readFileSync(files.cert), key: readFileSync(files.key) };
  });
}

/** An authority that signs certificates. */
export interface Authority {
  readonly cert: Buffer;
  /** @param choice its extensions in the words of openssl, and how long it is valid; 0 days has expired already */
  issue(
    commonName: string,
    choice?: { readonly extensions?: readonly string[]; readonly days?: number },
  ): KeyPair;
}

export function authority(commonName: string): Authority {
  const own = selfSigned(commonName);
  return {
    cert: own.cert,
    issue(name, { extensions = [names], days = 2 } = {}) {
      return inFolder((folder) => {
        const at = (file: string) => join(folder, file);
        writeFileSync(at("ca.pem"), own.cert);
        writeFileSync(at("ca.key"), own.key);
        writeFileSync(at("extensions"), extensions.join("\n"));
        openssl(["req", ...ecKey, "-keyout", at("key.pem"), "-out", at("request"), "-subj", `/CN=${name}`]);
        const signer = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial"];
        const what = ["-days", String(days), "-extfile", at("extensions"), "-out", at("cert.pem")];
        openssl(["x509", "-req", "-in", at("request"), ...signer, ...what]);
        return { cert: readFileSync(at("cert.pem")), key: readFileSync(at("key.pem")) };
      });
    },
  };
}

function openssl(words: readonly string[]): void {
  execFileSync("openssl", words, { stdio: "pipe" });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "rollcall-tls-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
