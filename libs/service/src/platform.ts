/**
 * What every service is given: the ports, a clock with its timers, and ids. `npm start` hands one platform to all services of its process, so
 * that they share the store, the bus connection and one follower (one fold of the log per process).
 */

import type { Change, Clock, DomainModule, FactsView, Folded, ObjectKey, Position, Registry } from '@weft/api';
import type { Bus } from '@weft/bus';
import type { EventStore } from '@weft/event-store';

export interface Ids {
  /** Random UUID. */
  uuid(): string;
}

/** As pino takes it: data first, constant phrase second. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * The running fold of the log in this process: states of all kinds, and the changes as they come. Facts for deciders, read model of the
 * gateway, source of loops and projections.
 */
export interface Follower extends FactsView {
  readonly storeId: string;
  /** Living objects of a kind, of one namespace or of all. */
  count(kind: string, namespace?: string): number;
  record(ledger: string, key: string): unknown;
  /** Of a ledger, by key. */
  records(ledger: string): ReadonlyMap<string, unknown>;
  /** Everything up to here is folded in. */
  readonly position: Position;
  readonly caughtUp: boolean;
  /** Resolves when `position` has reached it; rejects with a FollowerTimeoutError after `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number): Promise<void>;
  /**
   * Consumers are called synchronously, once for each append, in position order, after it was folded in. `from` (exclusive): changes at or below it are not
   * delivered to this consumer (0n: all). All consumers must be registered before `start`, or say `from` of at least the present position.
   */
  consume(
    consumer: Readonly<{ name: string; from: Position; onChange: (change: Change) => void; onCaughtUp?: (position: Position) => void }>,
  ): () => void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Given to the creators of services before its follower starts: they register their consumers. Whoever made the platform then starts the follower,
 * and ends follower, bus and store after the services.
 */
export type Platform = Readonly<{
  /** Reads and subscriptions give today's event types only (lifts). */
  store: EventStore;
  bus: Bus;
  clock: Clock;
  ids: Ids;
  log: Logger;
  follower: Follower;
  domains: readonly DomainModule[];
  /** Of `domains`. */
  registry: Registry;
  /** Directory for snapshots; everything in it may be deleted. */
  stateDirectory: string;
}>;

/** A service as it runs, alone in its process or beside others. */
export interface RunningService {
  readonly name: string;
  /** Empty when it works; else what is wrong, for people. */
  problems(): readonly string[];
  /** Finishes what is in flight and gives its leases away at once. A repeat does nothing. */
  stop(): Promise<void>;
}

/** A part that a service starts and stops, and that says whether it works. */
export interface Part {
  readonly name: string;
  start(): Promise<void>;
  /** Finishes what is in flight, bounded. */
  stop(): Promise<void>;
  /** Empty when it works; else what is wrong, for people. */
  problems(): readonly string[];
}

export type { Clock, Folded, ObjectKey };
