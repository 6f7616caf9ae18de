/**
 * How a bus fails. `retry` is about the message that was sent: with `safe` and `no` it was certainly not delivered; with `unknown` it may have been
 * handled.
 */
import type { Retry } from '@weft/api';

export type BusErrorCode = 'NoResponder' | 'BusTimeout' | 'BusDown' | 'BusClosed' | 'PayloadTooLarge';

export abstract class BusError extends Error {
  abstract readonly code: BusErrorCode;
  abstract readonly retry: Retry;
}

/** Nobody serves the subject now. */
export class NoResponderError extends BusError {
  readonly code = 'NoResponder';
  readonly retry = 'safe';
}

/** No answer in time; the request may have been carried out. */
export class BusTimeoutError extends BusError {
  readonly code = 'BusTimeout';
  readonly retry = 'unknown';
}

/** The connection is down and the request was not handed to it. A request that was in flight when the connection broke ends as BusTimeoutError. */
export class BusDownError extends BusError {
  readonly code = 'BusDown';
  readonly retry = 'safe';
}

/** This bus object was closed by its owner. */
export class BusClosedError extends BusError {
  readonly code = 'BusClosed';
  readonly retry = 'no';
}

/** More bytes than the server takes in one message. */
export class PayloadTooLargeError extends BusError {
  readonly code = 'PayloadTooLarge';
  readonly retry = 'no';
}
