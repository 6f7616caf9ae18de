/**
 * What every service is given: the ports, a clock with its timers, and ids. `npm start` gives one platform to all services of its process, so
 * that they share the store, the bus connection and one follower (one fold of the log per process).
 */

import type {
  Change,
  Clock,
  DomainModule,
  FactsView,
  Folded,
  FormerMembers,
  KnownStates,
  ObjectKey,
  PassedOver,
  Position,
  Registry,
} from '@weft/api';
import type { Bus } from '@weft/bus';
import type { EventStore } from '@weft/event-store';
import type { OwnPartitions } from './client/own-partitions.ts';
import type { Figures } from './nest/figures.ts';

export interface Ids {
  /** Random UUID. */
  uuid(): string;
}

/** A logger of pino's shape: data first, a constant phrase second. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * The running fold of the log in this process: states of all kinds, and the changes as they come. Deciders read facts from it, the gateway objects;
 * control loops and projections get its changes.
 */
export interface Follower extends FactsView {
  readonly storeId: string;
  /** Living objects of a kind by namespace, then name, both bytewise. Not to be used after the next change. */
  listOrdered(kind: string, namespace?: string): Iterable<Folded>;
  /** The state of each stream of an object, also of those that have ended. */
  all(): Iterable<Folded>;
  /** The number of living objects of a kind, of one namespace or of all. */
  count(kind: string, namespace?: string): number;
  record(ledger: string, key: string): unknown;
  /** The records of a ledger, by key. */
  records(ledger: string): ReadonlyMap<string, unknown>;
  /** Where objects were once that rows follow from. */
  readonly former: FormerMembers;
  /** Everything up to this position is in the fold. */
  readonly position: Position;
  /** The resourceVersion of the last append in the fold; none while there is none. */
  readonly version: string;
  /** What of the log this version cannot fold. */
  readonly passedOver: PassedOver;
  readonly caughtUp: boolean;
  /** Resolves when the log has been read and `position` has reached it; rejects with a FollowerTimeoutError after `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number): Promise<void>;
  /** Registers a consumer, and gives its removal. */
  consume(consumer: Consumer): () => void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Who follows the log through the fold of this process. It begins with the fold as it is once the log has been read, or when it is registered if that is
 * later; what came before is in the fold. Called synchronously; one that throws gets nothing more.
 */
export type Consumer = Readonly<{
  name: string;
  /** Once, before any change: the fold stands at `position`, and every change after that will be given. */
  onBegin?: (position: Position) => void;
  /**
   * Once for each append, in position order, after the fold has applied it. The fold waits for what it gives back, so that large work can be done in
   * slices while nothing changes.
   */
  onChange?: (change: Change) => void | Promise<void>;
}>;

/**
 * A platform is given to the creators of services before its follower starts, so that they can register consumers. The maker of the platform then
 * starts the follower, and stops follower, bus and store after the services.
 */
export type Platform = Readonly<{
  /** Its reads and subscriptions give today's event types only: it lifts older ones. */
  store: EventStore;
  bus: Bus;
  clock: Clock;
  ids: Ids;
  log: Logger;
  follower: Follower;
  /** What writers of this process tell its follower. */
  known: KnownStates;
  /** Those of all services of this process. */
  ownPartitions: OwnPartitions;
  /** What operators watch of this process. */
  figures: Figures;
  /** Measures while it is started, which main programs do. */
  eventLoop: EventLoop;
  domains: readonly DomainModule[];
  /** The registry of `domains`. */
  registry: Registry;
  /** The name of this process among the replicas of a context, unique in time; default: a random one for each context. */
  replica?: string;
  /** No other process works on this store and bus, so leases need no proof. */
  alone?: boolean;
}>;

/** A running service, alone in its process or beside others. */
export interface RunningService {
  readonly name: string;
  /** What is wrong, for people; empty when the service works. */
  problems(): readonly string[];
  /** Finishes what is in flight and gives its leases away at once. A repeat does nothing. */
  stop(): Promise<void>;
}

/** A part of a service, which starts it, stops it, and asks it for problems. */
export interface Part {
  readonly name: string;
  start(): Promise<void>;
  /** Finishes what is in flight, within a bounded time. */
  stop(): Promise<void>;
  /** What is wrong, for people; empty when the part works. */
  problems(): readonly string[];
}

/** How late timers were within a period, in ms, since the event loop stood still. */
export type LoopDelays = Readonly<{ p50Ms: number; p99Ms: number; p999Ms: number; maxMs: number }>;

export type EventLoop = Part & Readonly<{ delays: LoopDelays }>;

export type { Clock, Folded, ObjectKey };
