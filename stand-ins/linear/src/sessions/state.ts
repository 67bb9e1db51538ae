/** Why and when an agent was told to end its work. Times in epoch milliseconds. */
export interface Stop {
  readonly reason: 'stop' | 'unassigned';
  readonly at: number;
  /** When the agent's endpoint acknowledged the news with 200: from here on it must be silent but for one answer. */
  deliveredAt?: number;
  /** The activity that confirmed it. */
  answeredBy?: string;
}

/** What the server knows of a session beyond Linear's own columns. */
export interface SessionState {
  /** No activity and no external URL within 10 s of `created`. */
  unresponsive: boolean;
  /** Messages of people, the first request included. */
  prompts: number;
  /** Responses, elicitations and errors of the agent. */
  closings: number;
  stop?: Stop;
  cancelStale?: () => void;
}

export class SessionStates {
  private readonly states = new Map<string, SessionState>();

  of(sessionId: string): SessionState {
    let state = this.states.get(sessionId);
    if (!state) {
      state = { unresponsive: false, prompts: 0, closings: 0 };
      this.states.set(sessionId, state);
    }
    return state;
  }

  forget(sessionId: string): void {
    this.states.get(sessionId)?.cancelStale?.();
    this.states.delete(sessionId);
  }
}
