/** Many may read at once; one who changes the ground they stand on is alone. First come, first served. */
export interface Lock {
  shared<T>(work: () => Promise<T>): Promise<T>;
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Shared with all but other work in turn: for fetches, which would take each other's ref locks. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
}

export function createLock(): Lock {
  let turn: Promise<unknown> = Promise.resolve();
  let queue: Promise<unknown> = Promise.resolve();
  const readers = new Set<Promise<unknown>>();
  const shared = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    const reader: Promise<unknown> = result.catch(() => undefined).then(() => readers.delete(reader));
    readers.add(reader);
    return result;
  };
  return {
    shared,
    inTurn(work) {
      const result = queue.then(() => shared(work));
      queue = result.catch(() => undefined);
      return result;
    },
    exclusive(work) {
      const before = Promise.all([turn, ...readers]);
      const result = before.then(work);
      turn = result.catch(() => undefined);
      return result;
    },
  };
}
