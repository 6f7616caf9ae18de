/** How a command may fail other than by a refusal. */

/** Certainly nothing was appended for it: repeat at will. */
export class NotDoneError extends Error {
  readonly retry = 'safe';
}

/** It may have been appended: repeat with the same request id. */
export class OutcomeUnknownError extends Error {
  readonly retry = 'unknown';
}
