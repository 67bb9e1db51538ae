import type { components } from '@octokit/openapi-types';

/** The published response types. */
export type Schemas = components['schemas'];

/** A stable opaque id in the manner of the real ones. */
export const nodeId = (kind: string, id: number | string): string => Buffer.from(`${kind}:${id}`).toString('base64url');
