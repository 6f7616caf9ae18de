/** One command on a reservation stream: decided on a state with all queued facts, answered once these are durable, decided again when overtaken. */
import type { BookAnswer, Reply } from '../command/command.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import type { Claim, DecideContext, Fact } from '../kind/kind.ts';
import type { Position } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import type { Registry } from '../registry/registry.ts';
import type { Status } from '../status/status.ts';
import { LAPSED, refusal, unavailable } from './faults.ts';
import type { Ending, ReservationQueue } from './reservation-queue.ts';
import { callsOf, type Run } from './steps.ts';

const DECISIONS_MAX = 8;

export type Granted = Readonly<{ outcome: 'granted'; grants: JsonObject; facts: readonly Fact[]; position: Position }>;
export type Reservation = Readonly<
  | Granted
  | { outcome: 'refused'; status: Status }
  /** Nothing was appended for it. */
  | { outcome: 'contended' }
>;

export type ReservationPort = {
  /** Reads the stream into the queue. Throws NotDoneError. */
  load(): void;
  /** Appends these facts after all that is queued, and says how it ended. */
  propose(facts: readonly Fact[]): Ending;
  /** Waits for all that is queued or under way, and says how it ended. */
  settled(): Ending;
};

const call = callsOf<ReservationPort>();

/** Throws the error with which an append of its own facts ended. */
export function* runReservation(
  queue: ReservationQueue,
  command: JsonObject & { type: string },
  context: DecideContext,
): Run<ReservationPort, Reservation> {
  for (let attempt = 0; attempt < DECISIONS_MAX; attempt++) {
    if (!queue.loaded) yield* call('load');
    if (!queue.loaded) continue; // Overtaken again in the meantime.
    const decision = queue.decide(command, context);
    const facts = decision.outcome === 'accepted' ? decision.facts : [];
    // A reply without facts rests on everything decided before, so it waits until that is durable.
    const ending = facts.length === 0 ? yield* call('settled') : yield* call('propose', facts);
    if (ending === 'durable') {
      if (decision.outcome === 'rejected') return { outcome: 'refused', status: decision.status };
      return { outcome: 'granted', grants: decision.grants ?? {}, facts, position: queue.position };
    }
    if (ending !== 'overtaken' && facts.length > 0) throw ending;
  }
  return { outcome: 'contended' };
}

/** The reply to the sender of such a command. `mayAnswer`: as in `ObjectPort`. */
export function replyToReservation(stream: string, result: Reservation, mayAnswer: () => boolean): Reply {
  if (result.outcome === 'contended') return unavailable(`"${stream}" is written by another replica`);
  const appended = result.outcome === 'granted' && result.facts.length > 0;
  if (!appended && !mayAnswer()) return LAPSED;
  return result.outcome === 'refused' ? refusal(result.status) : { ok: true, code: 200, position: result.position.toString() };
}

/** The same command for the book that keeps the object which it is about (`KindModule.book`); undefined for objects with streams of their own. */
export function bookCommandOf({ kind: kindOf }: Pick<Registry, 'kind'>, command: ObjectCommand): Claim | undefined {
  const { kind, namespace } = command.verb === 'create' ? command : command.key;
  const stream = kindOf(kind)?.book?.(namespace === undefined ? {} : { namespace });
  return stream === undefined ? undefined : { stream, command: { type: 'WriteEvent', command: command as unknown as JsonObject } };
}

/** The reply to the sender of that command. */
export function replyOfBook(stream: string, result: Reservation, mayAnswer: () => boolean): Reply {
  const reply = replyToReservation(stream, result, mayAnswer);
  return reply.ok && result.outcome === 'granted' ? { ...reply, ...(result.grants as unknown as BookAnswer) } : reply;
}
