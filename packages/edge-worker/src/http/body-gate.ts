/** Limits what request bodies take of memory at one time; whoever does not fit waits without being read. */
export interface BodyGate {
  /** Resolves with what gives the room back, or with null when too many wait already. */
  enter(bytes: number): Promise<(() => void) | null>;
}

export interface BodyGateLimits {
  readonly bodies: number;
  readonly bytes: number;
  readonly waiting: number;
}

export function createBodyGate(limits: BodyGateLimits): BodyGate {
  let bodies = 0;
  let bytes = 0;
  const waiting: { readonly size: number; readonly admit: () => void }[] = [];
  // A body larger than everything allowed still gets in, alone.
  const fits = (size: number): boolean => bodies === 0 || (bodies < limits.bodies && bytes + size <= limits.bytes);

  function occupy(size: number): () => void {
    bodies++;
    bytes += size;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      bodies--;
      bytes -= size;
      for (let next = waiting[0]; next && fits(next.size); next = waiting[0]) {
        waiting.shift();
        next.admit();
      }
    };
  }

  return {
    enter(size) {
      if (waiting.length === 0 && fits(size)) return Promise.resolve(occupy(size));
      if (waiting.length >= limits.waiting) return Promise.resolve(null);
      return new Promise((resolve) => waiting.push({ size, admit: () => resolve(occupy(size)) }));
    },
  };
}
