/** The columns of `Attempt`, of a table aliased `a`. */
export const attemptColumns: string = `a.id, a.task_id as "taskId", a.plan_id as "planId", a.number, a.state, a.executor_id as "executorId",
  a.conversation_id as "conversationId", a.message_n as "messageN", a.steered_n as "steeredN", a.delivered_n as "deliveredN", a.checkout,
  a.run_ref as "runRef", a.run, a.head_sha as "headSha", a.evidence, a.output, a.failure, a.interruption, a.started_at as "startedAt", a.progress_at as "progressAt", a.created_at as "createdAt"`;
