import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** @param answer the status that the model API answered with, or why it did not */
export function judgeModel(apiUrl: string, answer: number | string): Finding {
  const name = 'model';
  if (typeof answer === 'string')
    return error(name, `${apiUrl} does not answer: ${answer}`, {
      why: 'No agent can think.',
      fix: 'Look at claude.apiUrl, the network and the proxy.',
    });
  if (answer === 401 || answer === 403)
    return error(name, `${apiUrl} does not accept the key (${answer})`, {
      why: 'Every attempt fails at its first step.',
      fix: 'Make a key at https://console.anthropic.com and set ANTHROPIC_API_KEY (or claude.apiKey).',
    });
  if (answer === 200) return ok(name, `${apiUrl} accepts the key`);
  if (answer === 404) return ok(name, `${apiUrl} answers; whether it accepts the key was not tried`);
  return warning(name, `${apiUrl} answered ${answer}`, {
    why: 'Agents wait and try again.',
    fix: 'Try again later: https://status.anthropic.com tells of outages.',
  });
}

export const modelCheck: Check<ConfiguredPatient> = {
  name: 'model',
  async run({ config: { executor, claude }, signal }) {
    // Without a key the executor's own check says so.
    if (executor !== 'claude' || claude.auth !== 'apiKey' || claude.apiKey === undefined) return [];
    const apiUrl = (claude.apiUrl ?? 'https://api.anthropic.com').replace(/\/+$/, '');
    const headers = { 'x-api-key': claude.apiKey, 'anthropic-version': '2023-06-01' };
    try {
      const response = await fetch(`${apiUrl}/v1/models?limit=1`, { headers, redirect: 'manual', signal });
      await response.body?.cancel();
      return [judgeModel(apiUrl, response.status)];
    } catch (cause) {
      return [judgeModel(apiUrl, cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause))];
    }
  },
};
