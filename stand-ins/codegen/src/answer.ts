/** What a call is answered with. A text body is sent as HTML. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const answer = (status: number, body: unknown): Answer => ({ status, body });

/** Refusals in the words of the published description. */
const words = {
  402: 'Agent run limit reached for your current plan. Please upgrade to continue.',
  403: 'You do not have access to this organization.',
  429: 'Rate limit exceeded. Please try again later.',
} as const;

export const refusal = (status: 402 | 403 | 429, message: string = words[status]): Answer =>
  answer(status, { message, status_code: status });

export const noRepos: Answer = answer(404, { message: 'No repos found in this organization.', status_code: 404 });
export const noRun: Answer = answer(404, { message: 'Agent run not found.', status_code: 404 });

/** The service says this in its guide alone; the description has no 401. */
export const unauthorized: Answer = answer(401, { detail: 'Invalid or expired API token' });

export interface FieldMistake {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

export const invalid = (...detail: readonly FieldMistake[]): Answer => answer(422, { detail });
