import type { RunResult } from './executor.ts';

/** What an agent asks the people it works for. `options` only where exactly one of them is an answer. */
export interface Asked {
  readonly question: string;
  readonly options?: readonly string[];
}

/** The question that ends a run: the last ones asked, unless the agent went on because of a message that crossed with them. */
export interface Asking {
  add(asked: Asked): void;
  /** The agent goes on: what it asked is no longer what the run ends with. */
  withdraw(): void;
  readonly question: Asked | undefined;
}

export function asking(): Asking {
  let all: readonly Asked[] = [];
  return {
    add(asked) {
      all = [...all, asked];
    },
    withdraw() {
      all = [];
    },
    get question() {
      return all.length > 1 ? { question: all.map((one) => one.question).join('\n\n') } : all[0];
    },
  };
}

/** A run that ended well with a question says the question last. */
export const endedAsking = (result: Pick<RunResult, 'state'>, asked: Asked | undefined): asked is Asked =>
  asked !== undefined && result.state === 'succeeded';
