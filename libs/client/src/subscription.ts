/** What both ways of following have in common: alone under a checkpoint, and as a member of a group. */
import { busEvents, canFollowBus, type EventBus } from './bus-source.ts';
import type { EventFilter, WeftEvent } from './cloud-event.ts';
import { Gateway, type Item } from './gateway.ts';
import type { Timers } from './timers.ts';

export type SubscribeOptions = Readonly<{
  /** A gateway, or several: `http://127.0.0.1:7480`. */
  server: string | readonly string[];
  /** Live from here; without it, and for label selectors, over HTTP alone. */
  bus?: EventBus;
  filter?: EventFilter;
  /** Keeps how far everything is done under this name: lower-case letters, digits, `-`, `.`. */
  checkpoint?: string;
  /**
   * Shares the work with all others that name this group: each resource's events come to one member at a time, in order. Members come and go as they like;
   * how far the group is is kept at the server. All of them are to ask for the same. In place of `checkpoint` and of a share in the filter.
   */
  group?: string;
  /** Of a group that is new: into so many parts resources fall, as many as may ever have members, 256 at most. Default 16. */
  parts?: number;
  /** Where it begins when there is no checkpoint or group yet: `0` is the start; an id; a time. Default: now. */
  from?: string;
  /**
   * Its return acknowledges the event. When it throws it is called again, after 0.1 s, 0.2 s, … 30 s; later events of that resource wait. `signal`: another
   * member of the group may be given this event, or waits for it, or the subscription ends.
   */
  handle: (event: WeftEvent, signal: AbortSignal) => void | Promise<void>;
  /** Resources whose events are handled side by side. Default 1: everything in the order of the log. */
  atOnce?: number;
  /** Default 5 s. */
  checkpointEveryMs?: number;
  /** Told each time that everything there is has been delivered; it may not be done yet. */
  onCaughtUp?: (position: string) => void;
  /** Told of what is tried again: connections, handlers, checkpoints; and of another subscriber that uses this checkpoint. */
  onRetry?: (error: Error) => void;
  timers?: Timers;
}>;

export interface WeftSubscription {
  /** Everything up to here is done. It begins with the position. */
  readonly cursor: string | undefined;
  /** Resolves when it was stopped; rejects with a WeftRefusedError when it cannot go on: its position is none of this log, or its filter makes no sense. */
  readonly ended: Promise<void>;
  /** Takes no more, waits for handlers that run, saves the checkpoint. */
  stop(): Promise<void>;
  /** Stops as if the process had been killed: nothing is waited for or saved. */
  abandon(): void;
}

/** Events that were delivered and are not done. */
export const UNDER_WAY_MAX = 1_000;
/** Progress without an event is worth a checkpoint now and then. */
export const IDLE_CHECKPOINT_EVERY = 12;

/** Throws a TypeError for a server that is no URL. */
export function gatewayOf({ server, onRetry = () => {} }: SubscribeOptions, timers: Timers): Gateway {
  const servers = [server].flat().map((each) => each.replace(/\/+$/, ''));
  const wrong = servers.find((each) => !/^https?:\/\/[^/]/.test(each));
  if (wrong !== undefined || servers.length === 0)
    throw new TypeError(`server is to be a URL, such as http://127.0.0.1:7480, not "${wrong ?? ''}"`);
  return new Gateway({ servers, timers, onRetry });
}

/** From the bus where there is one that can tell, or else over HTTP. */
export function itemsOf(
  { bus }: SubscribeOptions,
  asked: Readonly<{ filter: EventFilter; from?: string; signal: AbortSignal }>,
  gateway: Gateway,
  timers: Timers,
): AsyncIterable<Item> {
  if (bus === undefined || !canFollowBus(asked.filter)) return gateway.events({ ...asked, follow: true });
  return busEvents({ ...asked, bus, gateway, timers });
}
