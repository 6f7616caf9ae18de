/** How a command may fail other than by a refusal, and what its caller is answered. */
import type { Reply } from '../command/command.ts';
import type { Status } from '../status/status.ts';
import { serviceUnavailable, timedOut } from '../status/statuses.ts';

/** Certainly nothing was appended by what failed: repeat at will. */
export class NotDoneError extends Error {
  readonly retry = 'safe';
}

/** It may have been appended: repeat with the same request id. */
export class OutcomeUnknownError extends Error {
  readonly retry = 'unknown';
}

export type Failed = Reply & { ok: false };

export function refusal(status: Status): Failed {
  return { ok: false, retry: 'no', status };
}

/** Nothing was appended for the command. */
export function unavailable(why: string): Failed {
  return { ok: false, retry: 'safe', status: serviceUnavailable(why) };
}

/** What would be answered without an append, while nobody can be sure to be the writer. */
export const LAPSED: Failed = unavailable('the lease of this partition has lapsed');

/**
 * `began`: something was handed to the store for this command before. From then on no failure is certain to have left nothing behind.
 * Throws what is no such failure: a bug, or data that no decider foresaw.
 */
export function replyToFault(error: unknown, began: boolean): Failed {
  if (error instanceof NotDoneError && !began) return unavailable(error.message);
  if (error instanceof NotDoneError || error instanceof OutcomeUnknownError) {
    return { ok: false, retry: 'unknown', status: timedOut(error.message) };
  }
  throw error;
}
