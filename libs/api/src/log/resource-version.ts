import type { Position, RecordedEvent } from './envelope.ts';

/** How many digits of a resourceVersion tell whose position it is. */
const CHECK_DIGITS = 8;
const CHECKS = 10 ** CHECK_DIGITS;

/**
 * The resourceVersion of what an event made: its position, then eight digits that follow from the event itself (ADR 45). So a position of another store, or
 * of a history that a restored backup does not hold, is told from one of this log. They are ordered as positions are: the longer is larger, then by text.
 */
export function resourceVersionOf({ position, id, metadata }: Pick<RecordedEvent, 'position' | 'id' | 'metadata'>): string {
  return `${position}${checkOf(id, metadata?.time)}`;
}

/** What subscribers are given to go on behind an event: its position, and what tells whose position it is. `48211-07345678`. */
export function cursorOf({ position, id, metadata }: Pick<RecordedEvent, 'position' | 'id' | 'metadata'>): string {
  return `${position}-${checkOf(id, metadata?.time)}`;
}

/** The cursor of the event that a resourceVersion was made of. Undefined for what is no resourceVersion. */
export function cursorOfVersion(version: string): string | undefined {
  const position = positionOfVersion(version);
  return position === undefined ? undefined : `${position}-${version.slice(-CHECK_DIGITS)}`;
}

/** The position in a resourceVersion; undefined when it holds none, and so was not made here. */
export function positionOfVersion(version: string): Position | undefined {
  return version.length > CHECK_DIGITS && /^[1-9]\d*$/.test(version) ? BigInt(version.slice(0, -CHECK_DIGITS)) : undefined;
}

/** Whether a client means this version. Gateways and logs from before ADR 45 name the position alone. */
export function meansVersion(given: string, version: string): boolean {
  return given === version || given === version.slice(0, -CHECK_DIGITS);
}

/**
 * The time is in it since loops send what is owed under ids that follow from the state: in another history the same event may stand at the same position,
 * behind others. FNV-1a, which is enough for what nobody forges.
 */
function checkOf(id: string, time: unknown): string {
  let hash = 0x811c9dc5;
  for (const text of [id, typeof time === 'string' ? time : '']) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return String((hash >>> 0) % CHECKS).padStart(CHECK_DIGITS, '0');
}
