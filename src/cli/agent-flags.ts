import { InvalidArgumentError } from "commander";
import { capabilityNames, parseCapability, parseServerUrl } from "../agent/index.ts";

// The bounds are those of proto/rollcall/v1/agent.proto: what the server would refuse is refused here, with the flag's name.

/** An additional fact, shown in the order given. */
export interface InfoPair {
  readonly key: string;
  readonly value: string;
}

export function serverUrl(text: string): URL {
  const url = parseServerUrl(text);
  if (url === null)
    throw new InvalidArgumentError("It must be an http or https address, such as https://rollcall.example.");
  return url;
}

export function capability(text: string, earlier: readonly number[]): readonly number[] {
  const value = parseCapability(text);
  if (value === null) throw new InvalidArgumentError(`Known are: ${capabilityNames.join(", ")}.`);
  return earlier.includes(value) ? earlier : [...earlier, value];
}

export function info(text: string, earlier: readonly InfoPair[]): readonly InfoPair[] {
  const [, key = "", value = ""] = /^([^=]{1,128})=(.{0,1024})$/su.exec(text) ?? [];
  if (key === "") {
    throw new InvalidArgumentError(
      "It must be key=value, up to 128 characters before the = and 1024 behind.",
    );
  }
  if (earlier.length >= 100) throw new InvalidArgumentError("At most 100 pairs.");
  return [...earlier.filter((pair) => pair.key !== key), { key, value }];
}

export function region(text: string): string {
  if ([...text].length > 256) throw new InvalidArgumentError("At most 256 characters.");
  return text;
}

/** Whole seconds, as milliseconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1)
    throw new InvalidArgumentError("It must be whole seconds, from 1.");
  return value * 1_000;
}
