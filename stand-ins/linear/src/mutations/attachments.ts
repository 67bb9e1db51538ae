import { randomUUID } from 'node:crypto';
import { upsertAttachment } from '../attachments/upsert.ts';
import { type LinearDocument as L, type Mutation, modelled } from './mutation.ts';

export const attachmentCreate: Mutation<L.MutationAttachmentCreateArgs> = (world, { input }, actor) => {
  const fields = modelled('AttachmentCreateInput', input, [
    'id',
    'issueId',
    'url',
    'title',
    'subtitle',
    'metadata',
    'iconUrl',
    'groupBySource',
  ]);
  const { iconUrl: _icon, groupBySource: _group, ...attachment } = fields;
  return { attachment: upsertAttachment(world, attachment, actor) };
};

export const attachmentLinkURL: Mutation<L.MutationAttachmentLinkUrlArgs> = (world, { id, issueId, url, title }, actor) => ({
  attachment: upsertAttachment(world, { id, issueId, url, title: title ?? url }, actor),
});

export const attachmentLinkGitHubPR: Mutation<L.MutationAttachmentLinkGitHubPrArgs> = (world, { id, issueId, url, title }, actor) => ({
  attachment: upsertAttachment(world, { id, issueId, url, title: title ?? url, sourceType: 'github' }, actor),
});

/** Announces a file: the answer says where to PUT it and where it will be read. */
export const fileUpload: Mutation<L.MutationFileUploadArgs> = (world, { contentType, filename, size }) => {
  const key = randomUUID();
  world.uploads.set(key, { contentType });
  const headers = [{ __typename: 'UploadFileHeader', key: 'x-goog-content-length-range', value: `${size},${size}` }];
  const urls = {
    uploadUrl: `${world.baseUrl()}/uploads/${key}`,
    assetUrl: `${world.baseUrl()}/assets/${key}/${encodeURIComponent(filename)}`,
  };
  return { uploadFile: { __typename: 'UploadFile', contentType, filename, size, headers, ...urls } };
};
