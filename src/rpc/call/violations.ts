import { toBinary } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { Violation, violationsToProto, violationToProto } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";

/** Most broken rules that one refusal tells. */
const mostTold = 16;

/**
 * Room for what a refusal tells, in bytes of gRPC trailers: its message twice, once with percent-encoding and once in
 * the status, and its details, which travel as base64. Clients take no more than 8 KiB of trailers; the rest is for what
 * every error carries, such as its id.
 */
const roomBytes = 6.5 * 1024;
/** Longest text about one broken rule, in characters. Parts of it may be what the client sent. */
const longestText = 300;

/** Broken rules as they are found: the first of them, and a count of all. */
export class Violations {
  readonly first: Violation[] = [];
  total = 0;

  add(make: () => Violation): void {
    this.total += 1;
    if (this.first.length < mostTold) this.first.push(make());
  }

  /** Of those that the library found. */
  static of(all: readonly Violation[]): Violations {
    const found = new Violations();
    for (const violation of all) found.add(() => violation);
    return found;
  }
}

/** What is told of broken rules: as many as have room in an answer, at least one. */
export interface Told {
  readonly violations: Violation[];
  /** One text for all: `field: what is wrong [rule]; …; and 24 more`. */
  readonly message: string;
}

/** @param taken bytes of the room that something else takes, such as the message of an error that has words of its own */
export function told({ first, total }: Violations, taken = 0): Told {
  const kept: Violation[] = [];
  const texts: string[] = [];
  let room = roomBytes - taken;
  for (const violation of first) {
    const short = shortened(violation);
    const text = cutText(short.toString(), longestText);
    room -= trailerBytes(short, text);
    if (room < 0 && kept.length > 0) break;
    kept.push(short);
    texts.push(text);
  }
  const left = total - kept.length;
  if (left > 0) texts.push(`and ${left} more`);
  return { violations: kept, message: texts.join("; ") };
}

/** `invalid_argument` for broken rules: the first of them, and how many more there are. */
export function rulesBroken(found: Violations): ConnectError {
  const { violations, message } = told(found);
  const [value, desc] = violationsToProto(violations);
  return new ConnectError(message, Code.InvalidArgument, undefined, [{ desc, value }]);
}

/** At most so many characters of a text, and no half of one, which nothing could encode. */
export function cutText(text: string, most: number): string {
  return (text.length <= most ? text : `${text.slice(0, most - 1)}…`).toWellFormed();
}

function shortened({ message, ruleId, field, rule, forKey }: Violation): Violation {
  // Keys of maps are the client's own words.
  const short = pathToString(field).length <= longestText ? field : [];
  return new Violation(cutText(message, longestText), ruleId, short, rule, forKey);
}

function trailerBytes(violation: Violation, text: string): number {
  const [value, desc] = violationToProto(violation);
  return messageBytes(text) + ((toBinary(desc, value).length + 8) * 4) / 3;
}

/** What a text takes as the message of a refusal, in bytes of gRPC trailers. */
export function messageBytes(text: string): number {
  // Connect encodes more than gRPC has to, where its own answers are not encoded again.
  return encodeURIComponent(text).length + (Buffer.byteLength(text) * 4) / 3;
}
