/**
 * Notices hosts that fall silent (DESIGN 9.9): heartbeats stay on the bus, only the loss and the return of a host become events. Every replica
 * listens; the one that runs the context's reactions tells.
 *
 * And what a host is waited for to have applied, when its agent has no reason to say so: a hold under which no row ever came changes no table.
 */
import { conditionOf, type Folded, type JsonObject, uuidv5 } from '@weft/api';
import { type Bus, type BusSubscription, decodeJsonObject, parseSubject, subjects } from '@weft/bus';
import { factsOfHost } from '@weft/network';
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

/** When it was last heard (monotonic), and up to where its kernel then reflected everything; absent while something waited for it. */
type Heard = Readonly<{ atMs: number; reached?: bigint }>;
type News = Readonly<{ host: Folded; action: 'HostLost' | 'HostReturned' | 'Reached'; payload: JsonObject }>;

const SILENCE_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
const TELL_AT_ONCE_MAX = 32;

export class HostHeartbeats implements Part {
  readonly name = 'host heartbeats';
  readonly #options: HostHeartbeatsOptions;
  readonly #silenceMs: number;
  readonly #heard = new Map<string, Heard>();
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
    this.#subscription = bus.subscribe(subjects.anyHost('heartbeat'), ({ subject, data }) => {
      const parsed = parseSubject(subject);
      if (parsed?.of === 'host') this.#heard.set(parsed.host, { atMs: clock.monotonicMs(), ...reachedBy(data) });
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
    const news: News[] = [];
    const reaching: News[] = [];
    for (const host of follower.list('Host')) {
      const { name } = host.key;
      known.add(name);
      const { atMs: heardMs, reached } = this.#heard.get(name) ?? {};
      const silent = nowMs - Math.max(heardMs ?? Number.NEGATIVE_INFINITY, this.#listeningSinceMs) > this.#silenceMs;
      const ready = isReady(host);
      if (silent && ready) news.push({ host, action: 'HostLost', payload: {} });
      else if (!ready && heardMs !== undefined && nowMs - heardMs < this.#silenceMs) {
        news.push({ host, action: 'HostReturned', payload: {} });
      } else if (ready && reached !== undefined && reached <= follower.position && isWaitedFor(host, reached)) {
        reaching.push({ host, action: 'Reached', payload: { position: reached.toString() } });
      }
    }
    for (const name of this.#heard.keys()) if (!known.has(name)) this.#heard.delete(name);
    news.push(...reaching); // Of more than can be told at once, losses come first.
    if (news.length === 0) return;
    this.#telling = true;
    try {
      await Promise.all(news.slice(0, TELL_AT_ONCE_MAX).map((each) => this.#tell(each)));
    } catch (error) {
      log.warn({ err: error }, 'the loss or return of hosts could not be told');
    } finally {
      this.#telling = false;
    }
  }

  async #tell({ host, action, payload }: News): Promise<void> {
    const { client, log } = this.#options;
    // The same state told twice is one request.
    const requestId = uuidv5(host.object.metadata.uid, `${action} ${host.position}`);
    const reply = await client.send(
      { verb: 'act', key: host.key, action, payload },
      { requestId, actor: { user: 'system:network-svc', verified: true }, after: host.position },
    );
    if (reply.ok) log.info({ hostId: host.key.name, action }, 'host heartbeat');
    else log.warn({ hostId: host.key.name, action, status: reply.status.message }, 'host heartbeat could not be told');
  }
}

function reachedBy(data: Uint8Array): { reached?: bigint } {
  try {
    const { position, pending } = decodeJsonObject(data, 'a heartbeat');
    return pending === 0 && typeof position === 'string' && /^[0-9]{1,20}$/.test(position) ? { reached: BigInt(position) } : {};
  } catch {
    return {}; // It was heard all the same.
  }
}

/** It holds a network with no interface since a position that it has reached: its word ends that. */
function isWaitedFor(host: Folded, reached: bigint): boolean {
  return Object.values(factsOfHost(host).held ?? {}).some((idleSince) => idleSince !== '' && BigInt(idleSince) <= reached);
}

function isReady({ object }: Folded): boolean {
  return conditionOf(object, 'Ready')?.status === 'True';
}
