const words = new Set(['stop', 'cancel', 'abort', 'halt', 'стоп', 'отмена']);

/** True when the whole message is an order to stop: "Stop!", "@cyrus stop", not "do not stop". */
export function isStop(message: { readonly body: string; readonly signal?: string | null | undefined }): boolean {
  if (message.signal === 'stop') return true;
  if (message.body.length > 60) return false;
  return words.has(
    message.body
      .trim()
      .toLowerCase()
      .replace(/^@\S+\s+/, '')
      .replace(/[.!\s]+$/, ''),
  );
}
