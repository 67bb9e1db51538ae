/**
 * Columns that no action of this server changes, by type: the state of a new workspace in which the feature is unused.
 * Only fields that the SDK always asks for and whose type has no neutral scalar value.
 */
export const constants: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Organization: {
    allowedAuthServices: [],
    previousUrlKeys: [],
    initiativeUpdateRemindersDay: 'Friday',
    projectUpdateRemindersDay: 'Friday',
    projectUpdatesReminderFrequency: 'never',
    releaseChannel: 'public',
    slaDayCount: 'all',
  },
  Team: { visibility: 'public', timezone: 'UTC' },
  User: { isAssignable: true, isMentionable: true },
  Project: {
    labelIds: [],
    scopeHistory: [],
    completedScopeHistory: [],
    inProgressScopeHistory: [],
    issueCountHistory: [],
    completedIssueCountHistory: [],
    frequencyResolution: 'weekly',
  },
  Issue: {
    previousIdentifiers: [],
    sharedAccess: {
      __typename: 'IssueSharedAccess',
      isShared: false,
      sharedWithCount: 0,
      sharedWithUsers: [],
      viewerHasOnlySharedAccess: false,
      disallowedIssueFields: [],
    },
  },
};
