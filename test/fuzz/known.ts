import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { Random } from "./random.ts";

/** Where answers carry what only the server can make. Ids of users are left out: nobody is to delete the caller. */
const made = [
  /"(?:nextToken|exchangeToken|runnerId|groupId|serviceAccountId|gatewayId)":"([^"]+)"/g,
  /x-watch-(?:end-)?cursor: (\S+)/g,
];
/** Most texts that are kept. */
const most = 200;

/** Cursors, tokens and ids that the server gave out: noise never gets past their first check, and these do. */
export class Known {
  readonly #texts: string[] = [];
  #next = 0;

  learn(answer: string): void {
    for (const pattern of made) {
      for (const [, text] of answer.matchAll(pattern)) this.#keep(text ?? "");
    }
  }

  /** One of them, as it is or damaged; in letters that a header can carry. */
  some(random: Random): string {
    const text = this.#texts.length === 0 ? "none-yet" : random.of(this.#texts);
    if (random.chance(50)) return text;
    return random
      .damaged(Buffer.from(text))
      .toString("latin1")
      .replaceAll(/[^\x21-\x7e]/g, "~");
  }

  /** Puts some of them where a message has room for text. */
  plant(random: Random, desc: DescMessage, message: Message): void {
    this.#plant(random, reflect(desc, message));
  }

  #plant(random: Random, message: ReflectMessage): void {
    for (const field of message.fields) {
      if (field.fieldKind === "message" && message.isSet(field)) this.#plant(random, message.get(field));
      if (isText(field) && random.chance(30)) message.set(field, this.some(random));
    }
  }

  #keep(text: string): void {
    if (this.#texts.length < most) this.#texts.push(text);
    else this.#texts[this.#next++ % most] = text;
  }
}

function isText(field: DescField): field is DescField & { fieldKind: "scalar" } {
  return field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
}
