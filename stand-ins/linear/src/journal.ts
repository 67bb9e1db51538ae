import { EventEmitter } from 'node:events';

export type EntryKind = 'activity' | 'session' | 'issue' | 'comment' | 'attachment' | 'violation';

/** One thing that changed, as a person watching Linear would see it. `seq` counts from 1 without gaps. */
export interface Entry {
  readonly seq: number;
  readonly at: string;
  readonly kind: EntryKind;
  readonly [field: string]: unknown;
}

/** Everything that happened in the workspace, in order; the control API reads and follows it. */
export class Journal {
  private readonly entries: Entry[] = [];
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  add(kind: EntryKind, fields: Readonly<Record<string, unknown>>): Entry {
    const entry: Entry = { ...fields, seq: this.entries.length + 1, at: new Date().toISOString(), kind };
    this.entries.push(entry);
    this.emitter.emit('entry', entry);
    return entry;
  }

  /** Entries after `seq`. */
  since(seq: number): readonly Entry[] {
    return this.entries.slice(Math.max(0, seq));
  }

  get lastSeq(): number {
    return this.entries.length;
  }

  /** Calls `listener` for every later entry until the returned function is called. */
  follow(listener: (entry: Entry) => void): () => void {
    this.emitter.on('entry', listener);
    return () => this.emitter.off('entry', listener);
  }

  /** Resolves when an entry after `seq` that `matches` exists, or after `ms`. */
  async waitFor(seq: number, ms: number, matches: (entry: Entry) => boolean = () => true): Promise<void> {
    if (ms <= 0 || this.since(seq).some(matches)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        unfollow();
        resolve();
      };
      const timer = setTimeout(done, ms);
      const unfollow = this.follow((entry) => matches(entry) && done());
    });
  }
}
