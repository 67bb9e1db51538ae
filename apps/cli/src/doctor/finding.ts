/** What a check found out about one thing. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'error';
  /** What is there. */
  readonly detail: string;
  /** What goes wrong because of it. */
  readonly why?: string;
  /** The exact thing to do. */
  readonly fix?: string;
}

interface Advice {
  readonly why: string;
  readonly fix: string;
}

export const ok = (name: string, detail: string): Finding => ({ name, state: 'ok', detail });
export const warning = (name: string, detail: string, advice: Advice): Finding => ({ name, state: 'warning', detail, ...advice });
export const error = (name: string, detail: string, advice: Advice): Finding => ({ name, state: 'error', detail, ...advice });
