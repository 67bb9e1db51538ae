import { idOf } from 'cyrus-core/ids';
import type { AttemptKey } from 'cyrus-executor-interface/executor';

/**
 * What a process that knows no more than the agent's id has to know of its run. It is kept in the agent's name: the API has no other
 * place for it that comes back.
 */
export interface Label {
  readonly key: AttemptKey;
  readonly timeoutMs: number;
  /** Absent: the account's default. */
  readonly model?: string;
}

/** `Cyrus ATTEMPT.NUMBER, 3600 s, composer-2.5` */
export const labelText = ({ key, timeoutMs, model }: Label): string =>
  [`${labelStart(key)} ${timeoutMs / 1000} s`, ...(model === undefined ? [] : [model])].join(', ');

/** What the name of an attempt's agent begins with. */
export const labelStart = (key: AttemptKey): string => `Cyrus ${key.attemptId}.${key.number},`;

/** Undefined for an agent that has another name: somebody renamed it. */
export function readLabel(name: string | undefined): Label | undefined {
  const found = /^Cyrus (?<attempt>.+)\.(?<number>\d+), (?<seconds>\d+(?:\.\d+)?) s(?:, (?<model>.+))?$/.exec(name ?? '');
  if (!found?.groups) return undefined;
  const { attempt = '', number, seconds, model } = found.groups;
  return {
    key: { attemptId: attempt, number: Number(number) },
    timeoutMs: Number(seconds) * 1000,
    ...(model === undefined ? {} : { model }),
  };
}

/** The id of an attempt's agent, which is ours to choose: the same attempt asks for the same agent. */
export const agentIdOf = (key: AttemptKey): string => `bc-${idOf(`cursor-agent:${key.attemptId}.${key.number}`)}`;
