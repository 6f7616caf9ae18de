/**
 * Notices hosts that fall silent, or whose agents name a trouble (DESIGN 9.9): heartbeats stay on the bus, only what changes becomes events. Every
 * replica listens; the one that runs the loops of the context sends the commands.
 *
 *   a heartbeat ──> the last one of each host ──each second──> differs from what the Host says? ──> HostLost | Heard | Reached
 *
 * What would move all interfaces of a host to and fro is not noticed at once: silence after ten seconds, a trouble, or its end, once it has lasted for
 * three. While this process did not listen (it starts, the bus was away, it was stopped) it cannot know who was silent, so silence counts from then
 * on; that of a host counts from its registration.
 *
 * A heartbeat also says up to where the kernel reflects everything. That ends a hold under which no row ever came, and a lag that was counted for one: no
 * table changed by it, so the agent has nothing to report.
 */
import { type Clock, conditionOf, type Folded, factsOf, type JsonObject, statusOf, type Timer, uuidv5 } from '@weft/api';
import { type Bus, type BusSubscription, decodeJsonObject, parseSubject, subjects } from '@weft/bus';
import {
  endsLag,
  Host,
  type HostTypes,
  healthOf,
  idleImportsOf,
  importedAt,
  isHeard,
  isReady,
  STARTING,
  type Trouble,
} from '@weft/network';
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
  /** How long a trouble, or its end, has to last. Default 3,000. */
  lastingMs?: number;
  lookEveryMs?: number;
}>;

type HostState = Folded<HostTypes>;
/** `reached`: up to where the kernel reflects everything; absent while rows wait to be applied. `starting`: the agent does not know its kernel yet. */
type Beat = Readonly<{ agent?: string; trouble?: Trouble; starting: boolean; mtu?: number; reached?: bigint }>;
/** Times are monotonic. `sinceMs`: since when its heartbeats say what they say of its health. */
type Heartbeat = Readonly<{ atMs: number; sinceMs: number; beat: Beat }>;
type Notice = Readonly<{ host: HostState; action: 'HostLost' | 'Heard' | 'Reached'; payload: JsonObject }>;

const SILENCE_MS = 10_000;
const LASTING_MS = 3_000;
const LOOK_EVERY_MS = 1_000;
/** Commands that are under way at the same time. */
const NOTICES_MAX = 32;

export class HostHeartbeats implements Part {
  readonly name = 'host heartbeats';
  readonly #options: HostHeartbeatsOptions;
  readonly #silenceMs: number;
  readonly #lastingMs: number;
  readonly #lookEveryMs: number;
  /** The last one of each host. */
  readonly #heartbeats = new Map<string, Heartbeat>();
  /** Since when each host counts as heard in the log, as far as this process has looked: a registration counts as a heartbeat. */
  readonly #heardSinceMs = new Map<string, number>();
  readonly #idleHolds = new IdleHolds();
  /** Silence counts from here at the earliest. */
  #listeningSinceMs = Number.POSITIVE_INFINITY;
  #lookedMs = 0;
  #subscription: BusSubscription | undefined;
  #leaveBus: (() => void) | undefined;
  #timer: Timer | undefined;
  #isSending = false;

  constructor(options: HostHeartbeatsOptions) {
    this.#options = options;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
    this.#lastingMs = options.lastingMs ?? LASTING_MS;
    this.#lookEveryMs = options.lookEveryMs ?? LOOK_EVERY_MS;
  }

  async start(): Promise<void> {
    const { bus, clock } = this.#options;
    this.#subscription = bus.subscribe(subjects.anyHost('heartbeat'), ({ subject, data }) => {
      const parsed = parseSubject(subject);
      if (parsed?.of === 'host') this.#hear(parsed.host, beatIn(data));
    });
    this.#leaveBus = bus.onConnection((connected) => {
      this.#listeningSinceMs = connected ? clock.monotonicMs() : Number.POSITIVE_INFINITY;
    });
    this.#lookedMs = clock.monotonicMs();
    this.#timer = clock.every(this.#lookEveryMs, () => void this.#look());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#leaveBus?.();
    await this.#subscription?.stop();
  }

  problems(): readonly string[] {
    return [];
  }

  #hear(host: string, beat: Beat): void {
    const atMs = this.#options.clock.monotonicMs();
    const before = this.#heartbeats.get(host);
    const isSame = before !== undefined && before.beat.agent === beat.agent && saidOf(before.beat) === saidOf(beat);
    this.#heartbeats.set(host, { atMs, sinceMs: isSame ? before.sinceMs : atMs, beat });
  }

  async #look(): Promise<void> {
    const { clock, leases, follower, log } = this.#options;
    const nowMs = clock.monotonicMs();
    // This process was stopped, or busy for long: heartbeats that came meanwhile may not have been read yet.
    if (nowMs - this.#lookedMs > this.#silenceMs / 2) this.#listeningSinceMs = Math.max(this.#listeningSinceMs, nowMs);
    this.#lookedMs = nowMs;
    if (!follower.caughtUp) return;
    const notices = this.#notices(nowMs);
    if (this.#isSending || notices.length === 0 || !leases.isValid(LOOPS_SLOT)) return;
    this.#isSending = true;
    try {
      for (let first = 0; first < notices.length; first += NOTICES_MAX) {
        await Promise.all(notices.slice(first, first + NOTICES_MAX).map((notice) => this.#send(notice)));
      }
    } catch (error) {
      log.warn({ err: error }, 'commands about heartbeats of hosts could not be sent');
    } finally {
      this.#isSending = false;
    }
  }

  /** Losses and returns first. */
  #notices(nowMs: number): readonly Notice[] {
    const known = new Set<string>();
    const changes: Notice[] = [];
    const reached: Notice[] = [];
    for (const host of factsOf(this.#options.follower).all(Host)) {
      const { name } = host.key;
      known.add(name);
      if (!isHeard(host)) this.#heardSinceMs.delete(name);
      else if (!this.#heardSinceMs.has(name)) this.#heardSinceMs.set(name, nowMs);
      const notice = this.#noticeOf(host, nowMs);
      if (notice !== undefined) (notice.action === 'Reached' ? reached : changes).push(notice);
    }
    for (const names of [this.#heartbeats, this.#heardSinceMs]) for (const name of names.keys()) if (!known.has(name)) names.delete(name);
    return [...changes, ...reached];
  }

  #noticeOf(host: HostState, nowMs: number): Notice | undefined {
    const { agent } = host.facts;
    const last = this.#heartbeats.get(host.key.name);
    // Heartbeats of a former agent of this host do not count.
    const heartbeat = last?.beat.agent === undefined || last.beat.agent === agent ? last : undefined;
    const heardSinceMs = this.#heardSinceMs.get(host.key.name) ?? 0;
    const heardMs = Math.max(heartbeat?.atMs ?? 0, heardSinceMs, this.#listeningSinceMs);
    if (isHeard(host) && nowMs - heardMs > this.#silenceMs) return { host, action: 'HostLost', payload: {} };
    if (heartbeat === undefined || agent === undefined || nowMs - heartbeat.atMs > this.#silenceMs) return undefined;
    return this.#heardOf(host, heartbeat, nowMs) ?? this.#reachedOf(host, heartbeat.beat);
  }

  /** What the heartbeat says and the Host does not. A change that has not lasted yet is left out. */
  #heardOf(host: HostState, { sinceMs, beat }: Heartbeat, nowMs: number): Notice | undefined {
    const present = conditionOf(host.object, 'Ready');
    const lasts = nowMs - sinceMs >= this.#lastingMs || !isHeard(host) || present?.reason === STARTING.reason;
    const trouble = lasts ? this.#troubleOf(host, beat, nowMs - sinceMs) : troubleIn(host);
    const { ready } = healthOf(host.object, trouble);
    const saysIt = present?.status === ready.status && present.reason === ready.reason && present.message === ready.message;
    const mtu = beat.mtu ?? statusOf(host.object).mtu;
    if (saysIt && mtu === statusOf(host.object).mtu) return undefined;
    const payload: JsonObject = {
      ...(beat.agent !== undefined && { agent: beat.agent }),
      ...(trouble !== undefined && { trouble: { ...trouble } }),
      ...(mtu !== undefined && { mtu }),
    };
    return { host, action: 'Heard', payload };
  }

  /** An agent that starts again on a Ready host may take its time before that counts: most often its kernel is as it was. */
  #troubleOf(host: HostState, { trouble, starting }: Beat, lastedMs: number): Trouble | undefined {
    if (trouble !== undefined || !starting) return trouble;
    return isReady(host) && lastedMs < this.#silenceMs ? undefined : STARTING;
  }

  #reachedOf(host: HostState, { reached }: Beat): Notice | undefined {
    if (!isReady(host) || reached === undefined || reached > this.#options.follower.position) return undefined;
    const since = this.#idleHolds.firstOf(host);
    return endsLag(host, reached) || (since !== undefined && since <= reached)
      ? { host, action: 'Reached', payload: { position: reached.toString() } }
      : undefined;
  }

  async #send({ host, action, payload }: Notice): Promise<void> {
    const { client, log } = this.#options;
    // The same action on the same state is the same request.
    const requestId = uuidv5(host.object.metadata.uid, `${action} ${JSON.stringify(payload)} ${host.position}`);
    const reply = await client.send(
      { verb: 'act', key: host.key, action, payload },
      { requestId, actor: { user: 'system:network-svc', verified: true }, after: host.position },
    );
    if (reply.ok) log.info({ hostId: host.key.name, action }, 'host heartbeat');
    else log.warn({ hostId: host.key.name, action, status: reply.status.message }, 'host heartbeat could not be recorded');
  }
}

/** The trouble that the Host shows. */
function troubleIn(host: HostState): Trouble | undefined {
  const condition = isReady(host) ? undefined : conditionOf(host.object, 'Ready');
  return condition && { reason: condition.reason ?? '', message: condition.message ?? '' };
}

/** What a heartbeat says of the agent's health, to compare. */
function saidOf({ trouble, starting }: Beat): string {
  return trouble === undefined ? `${starting}` : `${trouble.reason} ${trouble.message}`;
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
function beatIn(data: Uint8Array): Beat {
  try {
    const { agent, position, pending, trouble, starting, mtu } = decodeJsonObject(data, 'a heartbeat');
    return {
      starting: starting === true,
      ...(typeof agent === 'string' && { agent }),
      ...(typeof mtu === 'number' && Number.isInteger(mtu) && mtu > 0 && { mtu }),
      ...(isTrouble(trouble) && { trouble: { reason: trouble.reason, message: trouble.message } }),
      ...(pending === 0 && typeof position === 'string' && /^[0-9]{1,20}$/.test(position) && { reached: BigInt(position) }),
    };
  } catch {
    return { starting: false };
  }
}

function isTrouble(value: unknown): value is Trouble {
  const { reason, message } = (value ?? {}) as Record<string, unknown>;
  return typeof reason === 'string' && /^[A-Z][A-Za-z]{0,63}$/.test(reason) && typeof message === 'string';
}
