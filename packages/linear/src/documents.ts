/**
 * Every GraphQL document this adapter sends. Small on purpose: Linear charges 0.1 point a property and 1 an object, times
 * `first` inside a connection, and allows few points an hour. A test holds each to the schema and to its points.
 */
export const viewer: string = `
query Viewer {
  viewer { id name app }
  organization { id name urlKey }
}`;

export const readIssue: string = `
query ReadIssue($id: String!) {
  organization { id }
  issue(id: $id) {
    id identifier title description url branchName priority
    state { id name type position }
    labels(first: 30) { nodes { name } }
    team { id key states(first: 40) { nodes { id name type position } } }
    project { id name }
    parent { id identifier title }
    children(first: 30) { nodes { id identifier state { type } } }
    inverseRelations(first: 30) { nodes { type issue { id identifier state { type } } } }
    delegate { id }
    assignee { id }
    comments(first: 30) { nodes { id body createdAt isArtificialAgentSessionRoot parentId user { id name } botActor { name } externalUser { name } } }
    attachments(first: 20) { nodes { id title url sourceType } }
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
