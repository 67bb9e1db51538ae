/** What a REST call is answered with. */
export interface Answer {
  readonly status: number;
  /** Absent: no content. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const answer = (status: number, body?: unknown): Answer => ({ status, body });

/** An answer that ends the handling of a call early. */
export class Refusal extends Error {
  readonly answer: Answer;
  constructor(given: Answer) {
    super(`refused with ${given.status}`);
    this.name = 'Refusal';
    this.answer = given;
  }
}

const documentation = 'https://docs.github.com/rest';

export const refusal = (status: number, message: string, headers: Readonly<Record<string, string>> = {}): Refusal =>
  new Refusal({ status, headers, body: { message, documentation_url: documentation, status: String(status) } });

export const notFound = (): Refusal => refusal(404, 'Not Found');

export interface InvalidField {
  readonly resource: string;
  readonly code: string;
  readonly field?: string;
  readonly message?: string;
  readonly value?: string;
}

/** 422 with the fields at fault. */
export const invalid = (...errors: readonly InvalidField[]): Refusal =>
  new Refusal({ status: 422, body: { message: 'Validation Failed', errors, documentation_url: documentation, status: '422' } });
