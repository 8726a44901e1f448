const silent = Symbol("silent");

/**
 * Yields what the source yields, and the filler whenever nothing came for so many milliseconds; 0 fills nothing. The source is
 * asked for one thing at a time, and is told when no reader wants more.
 */
export async function* fillSilence<T, F>(
  source: AsyncIterable<T>,
  ms: number,
  filler: F,
): AsyncGenerator<T | F> {
  if (ms === 0) {
    yield* source;
    return;
  }
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ; ) {
      const result = await within(ms, next);
      if (result === silent) {
        yield filler;
        continue;
      }
      if (result.done) return;
      yield result.value;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | typeof silent> {
  const { promise: silence, resolve } = Promise.withResolvers<typeof silent>();
  const timer = setTimeout(resolve, ms, silent);
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
