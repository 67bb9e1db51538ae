/** The version of this build. */
export const version: string = '0.3.0';
