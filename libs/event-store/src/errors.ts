/** How a store fails. `retry` speaks of an append: `safe` and `no`, certainly not written; `unknown`, repeat it with the same ids and expectation. */
import type { Retry } from '@weft/api';

export type StoreErrorCode = 'WrongRevision' | 'TooLarge' | 'Unavailable' | 'Closed' | 'InvalidArgument' | 'Damaged' | 'Directory';

export abstract class StoreError extends Error {
  abstract readonly code: StoreErrorCode;
  abstract readonly retry: Retry;
}

/** The stream was not at the expected revision. Nothing was written. */
export class WrongRevisionError extends StoreError {
  readonly code = 'WrongRevision';
  readonly retry = 'no';
  constructor(
    readonly stream: string,
    readonly expected: bigint | 'none',
    readonly actual: bigint | 'none',
  ) {
    super(`stream "${stream}": expected revision ${expected}, found ${actual}`);
  }
}

/** The append exceeds `limitBytes`. Nothing was written. */
export class TooLargeError extends StoreError {
  readonly code = 'TooLarge';
  readonly retry = 'no';
  constructor(
    readonly stream: string,
    readonly bytes: number,
    readonly limitBytes: number,
  ) {
    super(`append to "${stream}" holds ${bytes} bytes, the limit is ${limitBytes}`);
  }
}

/** The store did not answer; whether an append was written is unknown. */
export class UnavailableError extends StoreError {
  readonly code = 'Unavailable';
  readonly retry = 'unknown';
}

/** The store object was closed by its owner. */
export class ClosedError extends StoreError {
  readonly code = 'Closed';
  readonly retry = 'no';
}

/** The call breaks the port's contract (no events, a name that begins with `$`, a limit below 1). */
export class InvalidArgumentError extends StoreError {
  readonly code = 'InvalidArgument';
  readonly retry = 'no';
}

/** The files of an embedded store are damaged; the message names the file and the remedy. */
export class DamagedError extends StoreError {
  readonly code = 'Damaged';
  readonly retry = 'no';
}

/** The directory of an embedded store cannot be used (permission, disk, another format); the message names the remedy. */
export class DirectoryError extends StoreError {
  readonly code = 'Directory';
  readonly retry = 'no';
}
