import type { DescMethod } from "@bufbuild/protobuf";
import type { BodyRoom } from "./request-body.ts";
import { UnfinishedBodies } from "./unfinished-bodies.ts";

/** Largest message of a method that takes no token, in bytes: an exchange token, the name of a service or a file. */
export const strangersMessageBytes = 8 * 1024;
/** What a call counts for while it is incomplete, in bytes: about what it takes without a body. */
const leastBytes = 16 * 1024;
/** Strangers may hold so much less than callers. */
const strangersPart = 8;

export interface RoomsOptions {
  /** Methods that take no token. */
  readonly openMethods: ReadonlySet<DescMethod>;
  /** Largest message of all others, in bytes. */
  readonly messageBytes: number;
  /** What all request bodies that are not complete may hold, in bytes; those of strangers an eighth of it, beside it. */
  readonly unfinishedBytes: number;
}

/** What the requests of each method may take. Strangers and callers with a token do not take each other's room. */
export class Rooms {
  readonly #openMethods: ReadonlySet<DescMethod>;
  readonly #callers: BodyRoom;
  readonly #strangers: BodyRoom;

  constructor({ openMethods, messageBytes, unfinishedBytes }: RoomsOptions) {
    this.#openMethods = openMethods;
    this.#callers = {
      maxBytes: messageBytes,
      unfinished: new UnfinishedBodies(unfinishedBytes),
      leastBytes,
    };
    this.#strangers = {
      maxBytes: Math.min(strangersMessageBytes, messageBytes),
      unfinished: new UnfinishedBodies(unfinishedBytes / strangersPart),
      leastBytes,
    };
  }

  isOpen(method: DescMethod): boolean {
    return this.#openMethods.has(method);
  }

  of(method: DescMethod): BodyRoom {
    return this.isOpen(method) ? this.#strangers : this.#callers;
  }
}
