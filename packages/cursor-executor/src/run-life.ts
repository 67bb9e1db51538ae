/** What this process knows of a run that the service does not: what is still to be said to it, and that it is to stop. */
export interface RunLife {
  readonly pending: { readonly id: number; readonly text: string }[];
  /** Nothing more is said to it. */
  closed: boolean;
  /** It is cancelled as soon as it can be seen. */
  stopWanted: boolean;
}

/** The lives of the runs that are not over, by the id of their agent. */
export interface RunLives {
  of(agentId: string): RunLife;
  known(agentId: string): RunLife | undefined;
  end(agentId: string): void;
}

export function runLives(): RunLives {
  const lives = new Map<string, RunLife>();
  return {
    of(agentId) {
      const life = lives.get(agentId) ?? { pending: [], closed: false, stopWanted: false };
      lives.set(agentId, life);
      return life;
    },
    known: (agentId) => lives.get(agentId),
    end(agentId) {
      const life = lives.get(agentId);
      if (life) life.closed = true;
      lives.delete(agentId);
    },
  };
}
