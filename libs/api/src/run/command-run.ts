/**
 * Any command, from the request to the answer: which stream decides it, and how that one is asked. `World`, rehearsals and (`courseOf`) the services go by this, so
 * that a command cannot take another way in one of them.
 */
import type { Command, Reply } from '../command/command.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import type { Claim } from '../kind/kind.ts';
import type { Registry } from '../registry/registry.ts';
import { unknownKind } from '../status/statuses.ts';
import { refusal } from './faults.ts';
import type { ObjectPort } from './object-port.ts';
import { type ObjectRequest, runObject } from './object-run.ts';
import { bookCommandOf, type Reservation, replyOfBook, replyToReservation } from './reservation-run.ts';
import { callsOf, type Run } from './steps.ts';

/** `isInBook`: the stream is the book that keeps the object which the command is about. */
export type CourseOfClaim = Readonly<{ claim: Claim; isInBook: boolean; replyTo: typeof replyToReservation }>;
export type Course = CourseOfClaim | Readonly<{ claim?: undefined; object: ObjectCommand }>;

/** Who decides: a reservation stream that the command names, the book of its object, or its object. */
export function courseOf(registry: Pick<Registry, 'kind'>, command: Command): Course {
  if (command.verb === 'reserve') return { claim: command, isInBook: false, replyTo: replyToReservation };
  const inBook = bookCommandOf(registry, command);
  return inBook === undefined ? { object: command } : { claim: inBook, isInBook: true, replyTo: replyOfBook };
}

export type CommandPort = ObjectPort & {
  /** Carries the command itself out on a reservation stream. */
  reserve(claim: Claim): Reservation;
};

const call = callsOf<CommandPort>();

/** Throws what a reservation stream throws, a bug, or data that no decider foresaw. */
export function* runCommand(registry: Registry, command: Command, envelope: ObjectRequest['envelope']): Run<CommandPort, Reply> {
  const course = courseOf(registry, command);
  if (course.claim === undefined) return yield* runObject(registry, { command: course.object, envelope, progress: { began: false } });
  const { claim, replyTo } = course;
  if (registry.reservationOf(claim.stream) === undefined) return refusal(unknownKind(claim.stream));
  const result = yield* call('reserve', claim);
  const mayAnswer = yield* call('mayAnswer');
  return replyTo(claim.stream, result, () => mayAnswer);
}
