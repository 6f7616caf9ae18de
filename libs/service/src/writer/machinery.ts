/** What the writer asks of the kinds' machinery; `runtime/machinery.ts` answers with that of @weft/api, tests also with kinds of their own. */
import type { Command, DecideContext, Decision, Folded, ObjectKey, RecordedEvent } from '@weft/api';

export type ObjectCommand = Exclude<Command, { verb: 'reserve' }>;

export interface Machinery {
  /** The object a command is about. For a creation without a name it derives from the request id, so that a repeat means the same one. */
  keyOf(command: ObjectCommand, requestId: string): ObjectKey | undefined;
  absent(key: ObjectKey): Folded;
  fold(before: Folded, event: RecordedEvent): Folded;
  decide(command: ObjectCommand, before: Folded, context: DecideContext): Decision;
  /** Incarnation that the facts of a decision belong to. */
  uidOf(command: ObjectCommand, before: Folded, context: DecideContext): string | undefined;
}
