/** What has an answer to write. */
export interface Answering {
  /** Never throws. */
  writeDue(): void;
}

let answering: Answering[] = [];

/**
 * Has an answer written at the end of this turn of the event loop, together with the others of the turn. A write wakes a
 * client that sleeps, and of those that follow at once each finds it awake. Written between one request and the next, most
 * had to wake it again: a fifth of the CPU of a busy server and more.
 */
export function atTurnEnd(one: Answering): void {
  if (answering.length === 0) setImmediate(writeAll);
  answering.push(one);
}

function writeAll(): void {
  const all = answering;
  answering = [];
  for (const one of all) one.writeDue();
}
