/** What a bus has subscribed to and serves. It outlives connections: each new one gets all of it. */
import type { Subscription } from '@nats-io/transport-node';
import { type Timers, within } from '@weft/api';
import type { BusLog } from '../log.ts';
import type { BusSubscription, Message } from '../port.ts';
import type { ResponderPool } from '../responder-pool.ts';
import type { NatsLink } from './nats-link.ts';

export type Registration = Readonly<{
  pattern: string;
  queue?: string;
  /** Must not throw. */
  take: (message: Message, replyTo: string | undefined) => void;
  /** Of a responder: what it still has to answer. */
  pool?: ResponderPool;
}>;

export class Registrations {
  readonly #options: Readonly<{ timers: Timers; log: BusLog; drainMs: number }>;
  /** With their subscriptions on the present connection. */
  readonly #live = new Map<Registration, Subscription | undefined>();

  constructor(options: Readonly<{ timers: Timers; log: BusLog; drainMs: number }>) {
    this.#options = options;
  }

  /** `link`: the present connection, where there is one. */
  add(registration: Registration, link: NatsLink | undefined): BusSubscription {
    this.#live.set(registration, undefined);
    if (link !== undefined) this.#putOn(link, registration);
    let stopping: Promise<void> | undefined;
    return {
      stop: () => {
        stopping ??= this.#stop(registration);
        return stopping;
      },
    };
  }

  putAllOn(link: NatsLink): void {
    for (const registration of this.#live.keys()) this.#putOn(link, registration);
  }

  linkIsOver(): void {
    for (const registration of this.#live.keys()) this.#live.set(registration, undefined);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#live.keys()].map((registration) => this.#stop(registration)));
  }

  #putOn(link: NatsLink, registration: Registration): void {
    const { pattern, queue, take } = registration;
    const subscription = link.subscribe(pattern, {
      ...(queue === undefined ? {} : { queue }),
      // Must not throw: the library's reader would end, and nobody would notice.
      callback: (error, message) => {
        if (error !== null) this.#options.log.error({ err: error, subject: pattern }, 'the bus refused a subscription');
        else take({ subject: message.subject, data: message.data }, message.reply === '' ? undefined : message.reply);
      },
    });
    this.#live.set(registration, subscription);
  }

  async #stop(registration: Registration): Promise<void> {
    const subscription = this.#live.get(registration);
    if (!this.#live.delete(registration)) return;
    if (registration.pool === undefined) {
      subscription?.unsubscribe();
      return;
    }
    const { timers, drainMs } = this.#options;
    // The server may have handed us requests that are still on their way: serve those too.
    if (subscription !== undefined && !subscription.isClosed()) await within(timers, drainMs, subscription.drain()).catch(() => {});
    await within(timers, drainMs, registration.pool.idle());
  }
}
