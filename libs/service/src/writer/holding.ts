/** What commands work with: the ports of the writer, and the partition that it holds. */
import type { Facts, KnownStates, Registry } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Lease } from '../lease/leases.ts';
import type { Clock, Follower, Logger } from '../platform.ts';
import type { AppendHealth } from './appender.ts';
import type { CellCache } from './cell-cache.ts';
import type { ObjectCell } from './object-cell.ts';
import type { ReservationCell } from './reservation-cell.ts';
import type { Task } from './task.ts';

export type WriterPorts = Readonly<{
  store: EventStore;
  appends: AppendHealth;
  clock: Clock;
  log: Logger;
  follower: Follower;
  registry: Registry;
  /** For the follower, which comes to the same appends. */
  known?: KnownStates;
}>;

/** One period of holding a partition. Cells belong to it: the next period begins with empty ones, which read their streams. */
export type Holding = {
  readonly partition: number;
  readonly lease: Lease;
  readonly objects: CellCache<ObjectCell>;
  readonly reservations: CellCache<ReservationCell>;
  readonly inFlight: Set<Task>;
  /** What decisions read of other streams: the follower's fold. */
  readonly facts: Facts;
  /** True while it is being given away: commands under way may finish, and no new one begins. */
  closing: boolean;
};
