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
  readonly ancestors?: readonly { readonly id: string; readonly identifier: string }[];
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
