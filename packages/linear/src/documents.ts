/**
 * Every GraphQL document this adapter sends. Small on purpose: Linear charges 0.1 point a property and 1 an object, times
 * `first` inside a connection, and allows few points an hour. A test holds each to the schema and to its points.
 */
export const viewer: string = `
query Viewer {
  viewer { id name app }
  organization { id name urlKey }
}`;

/** Its page sizes are `page` of `read-issue.ts`. */
export const readIssue: string = `
query ReadIssue($id: String!) {
  viewer { id app }
  organization { id }
  issue(id: $id) {
    id identifier title description url priorityLabel estimate updatedAt
    state { id name type position }
    labels(first: 20) { nodes { name } }
    team { id key states(first: 25) { nodes { id name type position } } }
    project { id name }
    creator { id }
    delegate { id }
    assignee { id }
    parent { id identifier title parent { id identifier title parent { id identifier title parent { id identifier title parent { id identifier title } } } } }
    children(first: 10) { nodes { identifier title state { type } } }
    relations(first: 10) { nodes { type relatedIssue { identifier title state { type } } } }
    inverseRelations(first: 12) { nodes { type issue { id identifier title state { type } } } }
    comments(first: 20) { nodes { body createdAt isArtificialAgentSessionRoot user { name } botActor { name } externalUser { name } } }
    attachments(first: 12) { nodes { title url creator { id } } }
  }
}`;

export const createActivity: string = `
mutation CreateActivity($input: AgentActivityCreateInput!) {
  agentActivityCreate(input: $input) { success agentActivity { id } }
}`;

export const findActivity: string = `
query FindActivity($id: String!) {
  agentActivity(id: $id) { id }
}`;

export const updateSession: string = `
mutation UpdateSession($id: String!, $input: AgentSessionUpdateInput!) {
  agentSessionUpdate(id: $id, input: $input) { success agentSession { id } }
}`;

export const updateIssue: string = `
mutation UpdateIssue($id: String!, $input: IssueUpdateInput!) {
  issueUpdate(id: $id, input: $input) { success issue { id } }
}`;

export const createComment: string = `
mutation CreateComment($input: CommentCreateInput!) {
  commentCreate(input: $input) { success comment { id } }
}`;

export const findComment: string = `
query FindComment($id: String!) {
  comment(id: $id) { id }
}`;

export const createAttachment: string = `
mutation CreateAttachment($input: AttachmentCreateInput!) {
  attachmentCreate(input: $input) { success attachment { id } }
}`;

export const createIssue: string = `
mutation CreateIssue($input: IssueCreateInput!) {
  issueCreate(input: $input) { success issue { id identifier url } }
}`;

export const findIssue: string = `
query FindIssue($id: String!) {
  issue(id: $id) { id identifier url }
}`;

export const createRelation: string = `
mutation CreateRelation($input: IssueRelationCreateInput!) {
  issueRelationCreate(input: $input) { success issueRelation { id } }
}`;

export const findRelation: string = `
query FindRelation($id: String!) {
  issueRelation(id: $id) { id }
}`;

export const createUpload: string = `
mutation CreateUpload($contentType: String!, $filename: String!, $size: Int!) {
  fileUpload(contentType: $contentType, filename: $filename, size: $size) { success uploadFile { assetUrl uploadUrl headers { key value } } }
}`;

export const findAttachment: string = `
query FindAttachment($id: String!) {
  attachment(id: $id) { id }
}`;

/** The session of the app on an issue, if it is its delegate. */
export const findSession: string = `
query FindSession($issue: String!) {
  viewer { id }
  issue(id: $issue) {
    delegate { id }
    agentSessions(first: 10) { nodes { id appUser { id } } }
  }
}`;

export const createSession: string = `
mutation CreateSession($input: AgentSessionCreateOnIssue!) {
  agentSessionCreateOnIssue(input: $input) { success agentSession { id } }
}`;
