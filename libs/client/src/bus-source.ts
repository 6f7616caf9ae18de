/**
 * Events live from the bus. It forgets, so each message names the one before it, and progress the last one of each kind: what is missing is asked of a
 * gateway, and then the bus is followed on.
 */
import { type EventFilter, passes, type WeftEvent } from './cloud-event.ts';
import type { Gateway, Item } from './gateway.ts';
import type { Timers } from './timers.ts';

/** What is needed of a bus: `natsBus`, or the one that a program has already. */
export interface EventBus {
  subscribe(subject: string, handler: (message: Readonly<{ data: Uint8Array }>) => void): Readonly<{ stop(): Promise<void> }>;
}

type Published = WeftEvent & Readonly<{ previous: string; previousofkind: string }>;
type Progress = Readonly<{ source: string; position: string; cursor: string; since: string; last: Readonly<Record<string, string>> }>;

/** More that wait are not kept: they are asked of the gateway. */
const WAITING_MAX = 10_000;
/** Progress comes each second; without it nobody publishes, and the gateway is asked as often. */
const SILENCE_MS_MAX = 3_000;

/** Whether these events can be told from the others without a gateway. */
export function canFollowBus({ labelSelector }: EventFilter): boolean {
  return labelSelector === undefined;
}

export async function* busEvents(
  asked: Readonly<{ bus: EventBus; gateway: Gateway; filter: EventFilter; from?: string; signal: AbortSignal; timers: Timers }>,
): AsyncGenerator<Item> {
  const { bus, gateway, filter, signal, timers } = asked;
  const { kinds = [] } = filter;
  for (const kind of kinds) {
    if (!/^[A-Z][A-Za-z0-9]*$/.test(kind)) throw new Error(`"${kind}": on the bus kinds have their full names, as LoadBalancer`);
  }
  const waiting = new Waiting(timers, signal);
  const patterns = kinds.length === 0 ? ['weft.events.>'] : kinds.map((kind) => `weft.events.*.${kind}.>`);
  // Both are heard before the gateway is asked: what comes meanwhile waits here.
  const subscriptions = [...patterns, 'weft.log.progress'].map((pattern) => bus.subscribe(pattern, ({ data }) => waiting.put(data)));
  try {
    let reached: bigint | undefined;
    let { from } = asked;
    let source: string | undefined;
    let isBehind = true;
    let wasTold = false;
    while (!signal.aborted) {
      if (isBehind) {
        for await (const item of gateway.events({ filter, follow: false, signal, ...(from !== undefined && { from }) })) {
          if ('event' in item) {
            reached = BigInt(item.event.position);
            from = item.event.cursor;
            yield item;
          } else {
            reached = BigInt(item.position);
            from = item.cursor;
            ({ source } = item);
            if (!item.caughtUp || !wasTold) yield item;
            wasTold ||= item.caughtUp;
          }
        }
        isBehind = false;
        continue;
      }
      const message = await waiting.next(SILENCE_MS_MAX);
      if (message === undefined) isBehind = true;
      if (message === undefined || message.source !== source || reached === undefined) continue;
      if ('specversion' in message) {
        const { previous, previousofkind, ...event } = message;
        const position = BigInt(event.position);
        if (position <= reached) continue;
        if (BigInt(kinds.length === 0 ? previous : previousofkind) > reached) {
          // The gateway has this one, too.
          isBehind = true;
          continue;
        }
        reached = position;
        from = event.cursor;
        if (passes(filter, event)) yield { event };
      } else {
        const { last, since } = message;
        const lasts = kinds.length === 0 ? [since, ...Object.values(last)] : kinds.map((kind) => last[kind] ?? since);
        if (lasts.some((each) => BigInt(each) > (reached as bigint))) isBehind = true;
        else if (BigInt(message.position) > reached) {
          reached = BigInt(message.position);
          from = message.cursor;
          yield { position: message.position, cursor: message.cursor, source: message.source, caughtUp: false };
        }
      }
    }
  } finally {
    await Promise.all(subscriptions.map((subscription) => subscription.stop()));
  }
}

/** Messages in the order in which they came. */
class Waiting {
  readonly #timers: Timers;
  readonly #signal: AbortSignal;
  readonly #messages: Uint8Array[] = [];
  #wake: () => void = () => {};

  constructor(timers: Timers, signal: AbortSignal) {
    this.#timers = timers;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake());
  }

  put(message: Uint8Array): void {
    if (this.#messages.length >= WAITING_MAX) return; // The next one tells that this one is missing.
    this.#messages.push(message);
    this.#wake();
  }

  /** Undefined when none comes within `ms`. */
  async next(ms: number): Promise<Published | Progress | undefined> {
    if (this.#messages.length === 0 && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = this.#timers.after(ms, () => this.#wake());
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    const message = this.#messages.shift();
    return message && (JSON.parse(new TextDecoder().decode(message)) as Published | Progress);
  }
}
