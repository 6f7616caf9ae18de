/**
 * Notices hosts that fall silent (DESIGN 9.9): heartbeats stay on the bus, only the loss and the return of a host become events. Every replica
 * listens; the one that runs the loops of the context sends the commands.
 *
 * A heartbeat also says up to where the kernel reflects everything. That ends a hold under which no row ever came: no table changed by it, so the
 * agent has nothing to report.
 */
import { type Clock, type Folded, factsOf, type JsonObject, type Timer, uuidv5 } from '@weft/api';
import { type Bus, type BusSubscription, decodeJsonObject, parseSubject, subjects } from '@weft/bus';
import { Host, type HostTypes, idleImportsOf, importedAt, isReady } from '@weft/network';
import type { CommandClient, Follower, LeaseView, Logger, Part } from '@weft/service';
import { LOOPS_SLOT } from '@weft/service';

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

type HostState = Folded<HostTypes>;
/** When a host was last heard (monotonic), and up to where its kernel reflected everything then; absent while rows waited to be applied. */
type Heartbeat = Readonly<{ atMs: number; reached?: bigint }>;
type Notice = Readonly<{ host: HostState; action: 'HostLost' | 'HostReturned' | 'Reached'; payload: JsonObject }>;

const SILENCE_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
/** Commands that are under way at the same time. */
const NOTICES_MAX = 32;

export class HostHeartbeats implements Part {
  readonly name = 'host heartbeats';
  readonly #options: HostHeartbeatsOptions;
  readonly #silenceMs: number;
  /** The last one of each host. */
  readonly #heartbeats = new Map<string, Heartbeat>();
  readonly #idleHolds = new IdleHolds();
  /** Silence counts from here at the earliest: while this process did not listen, it cannot know who was silent. */
  #listeningSinceMs = Number.POSITIVE_INFINITY;
  #subscription: BusSubscription | undefined;
  #leaveBus: (() => void) | undefined;
  #timer: Timer | undefined;
  #isSending = false;

  constructor(options: HostHeartbeatsOptions) {
    this.#options = options;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
  }

  async start(): Promise<void> {
    const { bus, clock, lookEveryMs = LOOK_EVERY_MS } = this.#options;
    this.#subscription = bus.subscribe(subjects.anyHost('heartbeat'), ({ subject, data }) => {
      const parsed = parseSubject(subject);
      if (parsed?.of === 'host') this.#heartbeats.set(parsed.host, { atMs: clock.monotonicMs(), ...reachedIn(data) });
    });
    this.#leaveBus = bus.onConnection((connected) => {
      this.#listeningSinceMs = connected ? clock.monotonicMs() : Number.POSITIVE_INFINITY;
    });
    this.#timer = clock.every(lookEveryMs, () => void this.#look());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#leaveBus?.();
    await this.#subscription?.stop();
  }

  problems(): readonly string[] {
    return [];
  }

  async #look(): Promise<void> {
    const { leases, follower, log } = this.#options;
    if (this.#isSending || !follower.caughtUp || !leases.holds(LOOPS_SLOT) || !leases.isValid()) return;
    const notices = this.#notices();
    if (notices.length === 0) return;
    this.#isSending = true;
    try {
      await Promise.all(notices.slice(0, NOTICES_MAX).map((notice) => this.#send(notice)));
    } catch (error) {
      log.warn({ err: error }, 'commands about heartbeats of hosts could not be sent');
    } finally {
      this.#isSending = false;
    }
  }

  /** Losses and returns first: more may be due than are sent at once. */
  #notices(): readonly Notice[] {
    const nowMs = this.#options.clock.monotonicMs();
    const known = new Set<string>();
    const changes: Notice[] = [];
    const reached: Notice[] = [];
    for (const host of factsOf(this.#options.follower).all(Host)) {
      known.add(host.key.name);
      const notice = this.#noticeOf(host, nowMs);
      if (notice !== undefined) (notice.action === 'Reached' ? reached : changes).push(notice);
    }
    for (const name of this.#heartbeats.keys()) if (!known.has(name)) this.#heartbeats.delete(name);
    return [...changes, ...reached];
  }

  #noticeOf(host: HostState, nowMs: number): Notice | undefined {
    const heartbeat = this.#heartbeats.get(host.key.name);
    const heardMs = heartbeat?.atMs ?? Number.NEGATIVE_INFINITY;
    if (!isReady(host)) return nowMs - heardMs < this.#silenceMs ? { host, action: 'HostReturned', payload: {} } : undefined;
    if (nowMs - Math.max(heardMs, this.#listeningSinceMs) > this.#silenceMs) return { host, action: 'HostLost', payload: {} };
    const position = heartbeat?.reached;
    if (position === undefined || position > this.#options.follower.position || !this.#endsHold(host, position)) return undefined;
    return { host, action: 'Reached', payload: { position: position.toString() } };
  }

  #endsHold(host: HostState, reached: bigint): boolean {
    const since = this.#idleHolds.firstOf(host);
    return since !== undefined && since <= reached;
  }

  async #send({ host, action, payload }: Notice): Promise<void> {
    const { client, log } = this.#options;
    // The same action on the same state is the same request.
    const requestId = uuidv5(host.object.metadata.uid, `${action} ${host.position}`);
    const reply = await client.send(
      { verb: 'act', key: host.key, action, payload },
      { requestId, actor: { user: 'system:network-svc', verified: true }, after: host.position },
    );
    if (reply.ok) log.info({ hostId: host.key.name, action }, 'host heartbeat');
    else log.warn({ hostId: host.key.name, action, status: reply.status.message }, 'host heartbeat could not be recorded');
  }
}

/** Since when the longest idle hold, or import, of each host is idle. Looked for only when those of a host have changed: a host may hold thousands. */
class IdleHolds {
  readonly #first = new WeakMap<object, bigint | 'none'>();

  firstOf(host: HostState): bigint | undefined {
    const { held, imported } = host.facts;
    const hold = this.#once(held, () => Object.values(held ?? {}).flatMap((since) => (since === '' ? [] : [BigInt(since)])));
    const idle = this.#once(imported, () => idleImportsOf(imported).map((vni) => importedAt(host, vni)));
    return firstOf([hold, idle].flatMap((at) => at ?? []));
  }

  #once(of: object | undefined, idleSince: () => readonly bigint[]): bigint | undefined {
    if (of === undefined) return undefined;
    let first = this.#first.get(of);
    if (first === undefined) this.#first.set(of, (first = firstOf(idleSince()) ?? 'none'));
    return first === 'none' ? undefined : first;
  }
}

function firstOf(positions: readonly bigint[]): bigint | undefined {
  let first: bigint | undefined;
  for (const each of positions) if (first === undefined || each < first) first = each;
  return first;
}

/** A heartbeat that cannot be read was heard all the same. */
function reachedIn(data: Uint8Array): { reached?: bigint } {
  try {
    const { position, pending } = decodeJsonObject(data, 'a heartbeat');
    return pending === 0 && typeof position === 'string' && /^[0-9]{1,20}$/.test(position) ? { reached: BigInt(position) } : {};
  } catch {
    return {};
  }
}
