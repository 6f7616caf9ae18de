/**
 * Notices hosts that fall silent (DESIGN 9.9): heartbeats stay on the bus, only the loss and the return of a host become events. Every replica
 * listens; the one that runs the context's reactions tells.
 */
import { conditionOf, type Folded, uuidv5 } from '@weft/api';
import { type Bus, type BusSubscription, parseSubject, subjects } from '@weft/bus';
import type { Clock, CommandClient, Follower, LeaseView, Logger, Part } from '@weft/service';
import { REACTOR_SLOT } from '@weft/service';

export type HostHeartbeatsOptions = Readonly<{
  bus: Bus;
  follower: Follower;
  client: CommandClient;
  leases: LeaseView;
  clock: Clock;
  log: Logger;
  /** Default 10,000. */
  silenceMs?: number;
  lookEveryMs?: number;
}>;

const SILENCE_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
const TELL_AT_ONCE_MAX = 32;

export class HostHeartbeats implements Part {
  readonly name = 'host heartbeats';
  readonly #options: HostHeartbeatsOptions;
  readonly #silenceMs: number;
  /** Monotonic, by host. */
  readonly #heardMs = new Map<string, number>();
  /** Silence counts from here at the earliest: while we did not listen, nobody can have been silent. */
  #listeningSinceMs = Number.POSITIVE_INFINITY;
  #subscription: BusSubscription | undefined;
  #forgetBus: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #telling = false;

  constructor(options: HostHeartbeatsOptions) {
    this.#options = options;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
  }

  async start(): Promise<void> {
    const { bus, clock, lookEveryMs = LOOK_EVERY_MS } = this.#options;
    this.#subscription = bus.subscribe(subjects.anyHost('heartbeat'), ({ subject }) => {
      const parsed = parseSubject(subject);
      if (parsed?.of === 'host') this.#heardMs.set(parsed.host, clock.monotonicMs());
    });
    this.#forgetBus = bus.onConnection((connected) => {
      this.#listeningSinceMs = connected ? clock.monotonicMs() : Number.POSITIVE_INFINITY;
    });
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#forgetBus?.();
    await this.#subscription?.stop();
  }

  problems(): readonly string[] {
    return [];
  }

  async #look(): Promise<void> {
    const { leases, follower, clock, log } = this.#options;
    if (this.#telling || !follower.caughtUp || !leases.holds(REACTOR_SLOT) || !leases.isValid()) return;
    const nowMs = clock.monotonicMs();
    const known = new Set<string>();
    const news: (readonly [host: Folded, action: 'HostLost' | 'HostReturned'])[] = [];
    for (const host of follower.list('Host')) {
      const { name } = host.key;
      known.add(name);
      const heardMs = this.#heardMs.get(name);
      const silent = nowMs - Math.max(heardMs ?? Number.NEGATIVE_INFINITY, this.#listeningSinceMs) > this.#silenceMs;
      const ready = isReady(host);
      if (silent && ready) news.push([host, 'HostLost']);
      else if (!ready && heardMs !== undefined && nowMs - heardMs < this.#silenceMs) news.push([host, 'HostReturned']);
    }
    for (const name of this.#heardMs.keys()) if (!known.has(name)) this.#heardMs.delete(name);
    if (news.length === 0) return;
    this.#telling = true;
    try {
      await Promise.all(news.slice(0, TELL_AT_ONCE_MAX).map(([host, action]) => this.#tell(host, action)));
    } catch (error) {
      log.warn({ err: error }, 'the loss or return of hosts could not be told');
    } finally {
      this.#telling = false;
    }
  }

  async #tell(host: Folded, action: 'HostLost' | 'HostReturned'): Promise<void> {
    const { client, log } = this.#options;
    // The same state told twice is one request.
    const requestId = uuidv5(host.object.metadata.uid, `${action} ${host.position}`);
    const reply = await client.send(
      { verb: 'act', key: host.key, action, payload: {} },
      { requestId, actor: { user: 'system:network-svc', verified: true }, after: host.position },
    );
    if (reply.ok) log.info({ hostId: host.key.name, action }, 'host heartbeat');
    else log.warn({ hostId: host.key.name, action, status: reply.status.message }, 'host heartbeat could not be told');
  }
}

function isReady({ object }: Folded): boolean {
  return conditionOf(object, 'Ready')?.status === 'True';
}
