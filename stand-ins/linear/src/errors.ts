import { GraphQLError } from 'graphql';

/** `extensions.code` of Linear's errors, with the `extensions.type` by which its SDK chooses the error class. */
const typeOfCode = {
  INPUT_ERROR: 'invalid input',
  AUTHENTICATION_ERROR: 'authentication error',
  FORBIDDEN: 'forbidden',
  RATELIMITED: 'ratelimited',
  INTERNAL_SERVER_ERROR: 'internal error',
  NOT_MODELLED: 'other',
} as const;

export type ErrorCode = keyof typeof typeOfCode;

const statusOfCode: Readonly<Record<ErrorCode, number>> = {
  INPUT_ERROR: 400,
  AUTHENTICATION_ERROR: 401,
  FORBIDDEN: 403,
  RATELIMITED: 400,
  INTERNAL_SERVER_ERROR: 500,
  NOT_MODELLED: 501,
};

/**
 * An error as Linear words it. Thrown in a resolver it becomes HTTP 200 with `errors` and `data: null`.
 * @param presentable what Linear shows a person, `userPresentableMessage`
 */
export function linearError(code: ErrorCode, message: string, presentable: string = message): GraphQLError {
  const statusCode = statusOfCode[code];
  return new GraphQLError(message, {
    extensions: { code, type: typeOfCode[code], statusCode, userError: statusCode < 500, userPresentableMessage: presentable },
  });
}

export const invalidInput = (message: string, presentable?: string): GraphQLError => linearError('INPUT_ERROR', message, presentable);

export function entityNotFound(type: string): GraphQLError {
  const words = type.replace(/([a-z])([A-Z])/g, '$1 $2');
  return invalidInput(`Entity not found: ${type}`, `Could not find referenced ${words}.`);
}

/** What this server does not imitate. Loud on purpose: an invented answer would hide a difference from Linear. */
export const notModelled = (what: string): GraphQLError => linearError('NOT_MODELLED', `The Linear stand-in does not model ${what}`);
