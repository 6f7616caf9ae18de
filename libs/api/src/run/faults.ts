/** How a command may fail other than by a refusal, and what its caller gets as a reply. */
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

/** The reply in place of one that needs no append, while this replica cannot be sure to be the writer. */
export const LAPSED: Failed = unavailable('the lease of this partition has lapsed');

/**
 * `began`: the store has been asked to append something for this command. From then on a failure may have left something behind.
 * Throws any other error: a bug, or data that no decider foresaw.
 */
export function replyToFault(error: unknown, began: boolean): Failed {
  if (error instanceof NotDoneError && !began) return unavailable(error.message);
  if (error instanceof NotDoneError || error instanceof OutcomeUnknownError) {
    return { ok: false, retry: 'unknown', status: timedOut(error.message) };
  }
  throw error;
}
