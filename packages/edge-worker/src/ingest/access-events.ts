import type { Tx } from 'cyrus-store/pool';
import { lockMessageSession } from 'cyrus-store/queries/message-session-lock';
import { busyIssuesOfTeams, sessionsOfWorkspace } from 'cyrus-store/queries/message-sessions-of-workspace';
import { insertCredentialEvent } from 'cyrus-store/queries/outbound-credential-event';
import { revokeSession } from 'cyrus-store/queries/session-revoke';
import { type Placed, placeMessage } from './accept-message.ts';
import { endIssue, stopSaying } from './issue-events.ts';

const nobody = { id: null, name: null };

/** Stops the work on issues of teams that we may no longer see. Their sessions may still take an answer; that is tried. */
export async function endAccess(
  tx: Tx,
  of: { readonly workspace: string; readonly teamIds: readonly string[]; readonly at: number | null },
): Promise<readonly Placed[]> {
  const placed: Placed[] = [];
  for (const { id, teamKey } of await busyIssuesOfTeams(tx, of)) {
    const team = teamKey === null ? 'its team' : `the team ${teamKey}`;
    const reason = `My access to ${team} was taken away. To go on, give the app access to it in Linear's settings, then write here.`;
    placed.push(...(await endIssue(tx, { issueId: id, at: of.at, reason, by: nobody })));
  }
  return placed;
}

/** Ends everything of a workspace that removed our app: work stops, and what was still to be said there never leaves. */
export async function revoke(tx: Tx, of: { readonly workspace: string; readonly at: number | null }): Promise<readonly Placed[]> {
  const { workspace, at } = of;
  const placed: Placed[] = [];
  for (const id of await sessionsOfWorkspace(tx, workspace, at)) {
    const session = await lockMessageSession(tx, id);
    if (!session) continue;
    await revokeSession(tx, id);
    placed.push(await placeMessage(tx, session, stopSaying({ at, reason: 'The app was removed from the workspace.', by: nobody })));
  }
  await insertCredentialEvent(tx, 'credential_failed', {
    credential: `linear:${workspace}`,
    failure: {
      class: 'auth',
      message: 'The workspace removed the app. Its work was stopped, and what was still to be said there was dropped',
      fix: 'install the app in the workspace again and give its new token; what is wanted is then asked for anew',
    },
  });
  return placed;
}
