import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { StateFiles } from "./state-files.ts";
import { unusable } from "./state-files.ts";

/** Where the key pair is kept: PKCS #8 in PEM, so that common tools can read it. */
const privateKeyFile = "private-key.pem";

/** The X25519 key pair that secrets for this runner are sealed to. */
export interface AgentKeys {
  readonly privateKey: KeyObject;
  /** 32 bytes, raw, as they go on the wire. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/**
 * The key pair of a state folder, made on first use and then kept: a new one would make every secret that was
 * sealed to the old one unreadable.
 * @throws AgentEndError STATE_UNUSABLE when the file is no X25519 key
 */
export function loadKeys(files: StateFiles): AgentKeys {
  const stored = files.read(privateKeyFile);
  if (stored !== null) return parse(files, stored);
  const { privateKey } = generateKeyPairSync("x25519");
  files.write(privateKeyFile, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return { privateKey, publicKey: rawPublicKey(privateKey) };
}

function parse(files: StateFiles, pem: string): AgentKeys {
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType !== "x25519") throw new Error("not an X25519 key");
    return { privateKey, publicKey: rawPublicKey(privateKey) };
  } catch {
    const why =
      "it is no X25519 private key; restore it, or remove it for a new one (secrets sealed to it are lost)";
    throw unusable(files.path(privateKeyFile), why);
  }
}

function rawPublicKey(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x ?? "", "base64url"));
}
