/** What a loop owes, carried out: the command is sent, and where it is refused for good, the object that wanted it is told. */
import type { Command, Reply } from '../command/command.ts';
import type { Draft, FactsView } from '../kind/kind.ts';
import type { Append } from '../log/envelope.ts';
import { commandOfDraft, requestIdOfDraft, type Sent, sentFor } from '../loops/loop-command.ts';
import { reportOfRefusal } from '../owners/owner-actions.ts';
import { callsOf, type Run } from './steps.ts';

export type DraftPort = { send(command: Command, sent: Sent): Reply };

/** `trigger`: the newest append that changed what the loop had read. */
export type Owed = Readonly<{ loop: Readonly<{ name: string }>; draft: Draft; trigger?: Append | undefined }>;

const call = callsOf<DraftPort>();

/** Gives the reply to the draft itself. */
export function* runDraft({ loop, draft, trigger }: Owed, facts: Pick<FactsView, 'get'>): Run<DraftPort, Reply> {
  const reply = yield* call('send', commandOfDraft(draft), sentFor(loop.name, requestIdOfDraft(draft, facts), trigger));
  const report = reply.ok ? undefined : reportOfRefusal(draft, reply.status);
  if (report !== undefined) yield* runDraft({ loop, draft: report, trigger }, facts);
  return reply;
}
