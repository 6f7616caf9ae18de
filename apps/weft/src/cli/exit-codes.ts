/** How `weft` ends, for scripts. */
export const DONE = 0;
/** The answer is no: not found, refused, different, wrong. */
export const NO = 1;
/** It could not be asked: the command line, a setting, or what it names. */
export const NOT_ASKED = 2;
/** `weft verify` only: intact, and something is owed. */
export const OWING = 3;
/** Nobody answers, or the server failed; asking again later may help. */
export const NO_ANSWER = 4;

export const EXIT_CODES: readonly (readonly [code: number, means: string])[] = [
  [DONE, 'done; for "diff", "replay" and "plan": no difference; for "verify": intact and at rest'],
  [NO, 'the answer is no: not found, refused, different, wrong; "up" cannot start'],
  [NOT_ASKED, 'not done: the command line, a setting, or what they name is not right'],
  [OWING, '"verify" only: the log is intact, and something is owed'],
  [NO_ANSWER, 'the server does not answer, or failed: try again later'],
];

/** For people: what was asked, why it failed, what to do. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = NOT_ASKED) {
    super(message);
    this.exitCode = exitCode;
  }
}
