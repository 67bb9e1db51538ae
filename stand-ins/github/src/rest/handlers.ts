import type { Answer } from '../answer.ts';
import type { OperationName } from '../operations.ts';
import { createCheck, createStatus, getCombinedStatus, listChecks } from './checks.ts';
import type { Call } from './context.ts';
import { listFiles } from './files.ts';
import { createComment, listComments } from './issues.ts';
import { createPull, getPull, listPulls, listReviews, mergePullCall, updatePull } from './pulls.ts';
import { deleteRef, getBranch, getRef, getRepository, getUser } from './repositories.ts';

export type Handler = (call: Call) => Promise<Answer>;

/** One handler per operation; `rateLimit.get` answers from the limiter and is free. */
export const handlers: Readonly<Record<Exclude<OperationName, 'rateLimit.get'>, Handler>> = {
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
