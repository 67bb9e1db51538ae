import type { ActivityType, SessionStatus } from '../rows/tables.ts';

export interface LastActivity {
  readonly type: ActivityType;
  readonly signal: string | null;
}

/** The status of a session follows from its last activity; the agent never sets it. */
export function statusAfter(last: LastActivity, before: SessionStatus, showStopping: boolean): SessionStatus {
  const working = before === 'active' || before === 'stopping';
  switch (last.type) {
    case 'elicitation':
      return 'awaitingInput';
    case 'response':
      return last.signal === 'continue' ? 'active' : 'complete';
    case 'error':
      return 'error';
    case 'prompt':
      if (last.signal === 'stop') return showStopping && (working || before === 'pending') ? 'stopping' : before;
      return working ? 'active' : 'pending';
    case 'thought':
    case 'action':
      return before === 'stopping' ? 'stopping' : 'active';
  }
}
