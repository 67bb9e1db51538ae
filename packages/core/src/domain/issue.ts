/** The tracker's issue, as last read. Everything but the first six fields is unknown until it has been read. */
export interface Issue {
  readonly id: string;
  readonly workspace: string;
  readonly identifier: string;
  readonly title: string;
  readonly description: string;
  readonly url: string | null;
  readonly details: IssueDetails | null;
}

export interface WorkflowState {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly position: number;
}

export interface IssueDetails {
  readonly state: WorkflowState | null;
  readonly teamStates: readonly WorkflowState[];
  readonly teamKey: string | null;
  readonly projectName: string | null;
  readonly projectId: string | null;
  readonly labels: readonly string[];
  readonly assigneeId: string | null;
  readonly delegateId: string | null;
  readonly hasChildren: boolean;
  readonly hasParent: boolean;
  readonly comments: readonly { readonly author: string; readonly body: string }[];
  readonly teamId?: string | null;
  /** Issues that are to be finished first, whatever their state is. */
  readonly blockedBy?: readonly Blocker[];
  /** Parents, the nearest first. */
  readonly ancestors?: readonly { readonly id: string; readonly identifier: string; readonly title?: string }[];
  /** `Urgent`, `High`, …; null: none was set. For the agent's prompt. */
  readonly priority?: string | null;
  /** Points, on the team's own scale; null: not estimated. */
  readonly estimate?: number | null;
  /** Issues linked with this one in any way but as its blockers, parents and children. For the agent's prompt. */
  readonly related?: readonly LinkedIssue[];
  /** Sub-issues. For the agent's prompt. */
  readonly subIssues?: readonly LinkedIssue[];
  /** What the tracker has more of than was read, in words: "comments before the last 25". For the agent's prompt. */
  readonly cut?: readonly string[];
  /** When the issue was last changed, by the tracker's clock, as an ISO 8601 instant. */
  readonly updatedAt?: string;
  /** Links on the issue, those to our own pull requests left out. */
  readonly attachments?: readonly { readonly title: string; readonly url: string }[];
  /** Who wrote the issue; null: an integration. */
  readonly creatorId?: string | null;
}

/** An issue that blocks another. It blocks no more when its state's type is `completed`, `canceled` or `duplicate`. */
export interface Blocker {
  readonly id: string;
  readonly identifier: string;
  readonly title?: string;
  readonly stateType: string | null;
}

/** An issue that has to do with another. */
export interface LinkedIssue {
  readonly identifier: string;
  readonly title: string;
  readonly stateType: string | null;
  /** How, in words that a person reads: `blocks`, `related`, `duplicate of`, `duplicated by`, `sub-issue`. */
  readonly relation: string;
}
