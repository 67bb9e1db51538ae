import type { Instant } from 'cyrus-core/clock';
import { FailureError } from 'cyrus-core/failure';

/** What a run id says: the service's number, and for a follow-up in the same run where it began and when it is to be over. */
export interface RunPlace {
  readonly id: number;
  readonly turn?: { readonly afterEntries: number; readonly deadline: Instant };
}

/** `9001`, or `9001:57:1763740800000` for what follows entry 57 of its log. */
export function runIdOf({ id, turn }: RunPlace): string {
  return turn === undefined ? String(id) : `${id}:${turn.afterEntries}:${turn.deadline}`;
}

/** @throws FailureError `invalid_request` for what is no id of ours */
export function placeOf(runId: string): RunPlace {
  const found = /^(\d{1,15})(?::(\d{1,9}):(\d{1,15}))?$/.exec(runId);
  if (!found) throw new FailureError({ class: 'invalid_request', message: `"${runId}" is no run of Codegen.` });
  const [, id, afterEntries, deadline] = found;
  return {
    id: Number(id),
    ...(deadline === undefined ? {} : { turn: { afterEntries: Number(afterEntries), deadline: Number(deadline) } }),
  };
}
