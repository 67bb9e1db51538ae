import type { LinearClient } from './client.ts';
import { createUpload, findAttachment } from './documents.ts';
import { outcomeOf, perform, type WriteOutcome } from './writes.ts';

/** A file to be attached to an issue. */
export interface FileToUpload {
  /** Of the attachment, of our choice: the same file sent twice is attached once. */
  readonly id: string;
  readonly issueId: string;
  readonly title: string;
  readonly filename: string;
  readonly contentType: string;
  readonly content: Uint8Array;
}

interface Place {
  readonly uploadUrl: string;
  readonly assetUrl: string;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/**
 * Uploads a file and attaches it. Cut off in between it is done again from the beginning, unless the attachment is there.
 * @see https://linear.app/developers/how-to-upload-a-file-to-linear
 */
export async function uploadFile(client: LinearClient, file: FileToUpload, signal?: AbortSignal): Promise<WriteOutcome> {
  const { id, issueId, title, filename, contentType, content } = file;
  const there = await client.request(findAttachment, { id }, signal);
  if (there.ok) return { state: 'sent', remoteId: id };
  if (there.error.action === 'retry') return outcomeOf(there.error);
  const announced = await client.request(createUpload, { contentType, filename, size: content.byteLength }, signal);
  if (!announced.ok) return outcomeOf(announced.error);
  const place = (announced.value['fileUpload'] as { readonly uploadFile?: Place | null } | undefined)?.uploadFile;
  if (!place) return { state: 'rejected', failure: { class: 'invalid_request', message: 'Linear gave no place for the file.' } };
  const failure = await put(place, contentType, content, signal);
  if (failure) return failure;
  return perform(client, { kind: 'file', id, issueId, title, url: place.assetUrl }, signal);
}

async function put(
  { uploadUrl, headers }: Place,
  contentType: string,
  content: Uint8Array,
  signal?: AbortSignal,
): Promise<WriteOutcome | undefined> {
  const given = Object.fromEntries(headers.map(({ key, value }) => [key, value]));
  try {
    const response = await fetch(uploadUrl, {
      method: 'PUT',
      headers: { 'content-type': contentType, 'cache-control': 'public, max-age=31536000', ...given },
      body: content as Uint8Array<ArrayBuffer>,
      redirect: 'error',
      ...(signal ? { signal } : {}),
    });
    await response.arrayBuffer();
    if (response.ok) return undefined;
    const message = `The file could not be stored (${response.status}).`;
    if (response.status >= 500 || response.status === 429) return { state: 'retry', failure: { class: 'network', message } };
    return { state: 'rejected', failure: { class: 'invalid_request', message } };
  } catch (error) {
    return { state: 'retry', failure: { class: 'network', message: `The file could not be stored: ${(error as Error).message}` } };
  }
}
