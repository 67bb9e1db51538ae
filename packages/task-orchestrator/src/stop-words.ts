import { refusedSignal } from './refused.ts';

const words = new Set(['stop', 'cancel', 'abort', 'halt', 'стоп', 'отмена']);

/** True when the whole message is an order to stop: "Stop!", "@cyrus stop", not "do not stop". */
export function isStop(message: { readonly body: string; readonly signal?: string | null | undefined }): boolean {
  return message.signal === 'stop' || (message.signal !== refusedSignal && isOnly(message.body, words));
}

const pauses = new Set(['pause', 'hold', 'hold on', 'пауза']);
const resumes = new Set(['resume', 'unpause', 'continue', 'go on', 'go', 'start', 'start anyway', 'begin', 'продолжай', 'продолжить']);

/** True when the whole message is an order to rest. */
export function isPause(message: { readonly body: string; readonly signal?: string | null | undefined }): boolean {
  return message.signal === 'pause' || isOnly(message.body, pauses);
}

/** True when the whole message is an order to go on. It means that only to work that rests. */
export function isResume(message: { readonly body: string; readonly signal?: string | null | undefined }): boolean {
  return message.signal === 'resume' || isOnly(message.body, resumes);
}

function isOnly(body: string, orders: ReadonlySet<string>): boolean {
  if (body.length > 60) return false;
  return orders.has(
    body
      .trim()
      .toLowerCase()
      .replace(/^@\S+\s+/, '')
      .replace(/[.!\s]+$/, ''),
  );
}
