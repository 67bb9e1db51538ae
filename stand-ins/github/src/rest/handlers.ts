import type { Answer } from '../answer.ts';
import type { AppOperationName, OperationName } from '../operations.ts';
import { type AppCall, createToken, getApp, getInstallation, getRepositoryInstallation } from './apps.ts';
import { createCheck, createStatus, getCombinedStatus, listChecks } from './checks.ts';
import type { Call } from './context.ts';
import { listFiles } from './files.ts';
import { createComment, listComments } from './issues.ts';
import { createPull, getPull, listPulls, listReviews, mergePullCall, updatePull } from './pulls.ts';
import { deleteRef, getBranch, getRef, getRepository, getUser } from './repositories.ts';

export type Handler = (call: Call) => Promise<Answer>;

/** One handler per operation; `rateLimit.get` answers from the limiter and is free. */
export const handlers: Readonly<Record<Exclude<OperationName, 'rateLimit.get' | AppOperationName>, Handler>> = {
  'users.getAuthenticated': getUser,
  'repos.get': getRepository,
  'repos.getBranch': getBranch,
  'git.getRef': getRef,
  'git.deleteRef': deleteRef,
  'pulls.create': createPull,
  'pulls.list': listPulls,
  'pulls.get': getPull,
  'pulls.update': updatePull,
  'pulls.merge': mergePullCall,
  'pulls.listFiles': listFiles,
  'pulls.listReviews': listReviews,
  'checks.create': createCheck,
  'checks.listForRef': listChecks,
  'repos.createCommitStatus': createStatus,
  'repos.getCombinedStatusForRef': getCombinedStatus,
  'issues.createComment': createComment,
  'issues.listComments': listComments,
};

/** What an app asks in its own name. */
export const appHandlers: Readonly<Record<AppOperationName, (call: AppCall) => Promise<Answer>>> = {
  'apps.getAuthenticated': getApp,
  'apps.getRepoInstallation': getRepositoryInstallation,
  'apps.getInstallation': getInstallation,
  'apps.createInstallationAccessToken': createToken,
};
