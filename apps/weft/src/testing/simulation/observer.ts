/**
 * Sees every append at the moment when it is in the log, as no process does, and holds the log to what must be true at every position: order, shapes, folds, single
 * holders, each request carried out once. It knows what rows and kernels must be at rest, and judges what people were told.
 */
import {
  type Append,
  type Change,
  conditionOf,
  type Folded,
  LogCheck,
  type ObjectCommand,
  type ObjectKey,
  type Registry,
  type Reply,
  streamOf,
} from '@weft/api';
import { type KernelObject, keyOf, type PortObject } from '@weft/fabric';
import { WorldFabric } from '@weft/testing';
import type { SimHost } from './sim-host.ts';

/** A state of an object, from an append on until the next one. `position`: of its last change; undefined while it is not there. */
type Lived = Readonly<{ from: bigint; position: bigint | undefined }>;
/** What a host ought to have: as of when, and as of when it is what it is now. */
type Wish = Readonly<{ since: bigint; asItIs: bigint; object: KernelObject }>;

/** Repairs of a kernel take a while. */
const REPAIRED_MS = 60_000;
/** No host lags for so long: its agent was started again, and given all rows. */
const LAG_MS_MAX = 40_000;
/** What was decided of a host rests on a state of it that is not older. */
const SEEN_MS = 10_000;

export class Observer {
  readonly check: LogCheck;
  readonly fabric: WorldFabric;
  readonly registry: Registry;
  readonly #fail: (what: string) => void;
  readonly #lives = new Map<string, Lived[]>();
  /** Stream and request -> position of its append. */
  readonly #requests = new Map<string, bigint>();
  readonly #nowMs: () => number;
  readonly #hosts: () => readonly SimHost[];
  /** When each append was made. */
  readonly #madeMs = new Map<bigint, number>();
  /** By host and key of an object. */
  readonly #wishes = new Map<string, Map<string, Wish>>();
  /** By host: objects that it once ought not to have any more, and entries that it once ought to have otherwise. */
  readonly #everOther = new Map<string, Set<string>>();
  /** Since when a host is Ready. */
  readonly #readyMs = new Map<string, number>();
  /** Address on a host, by VNI and number of the host -> the interface that had it there last. */
  readonly #ports = new Map<string, string>();
  #found = 0;

  constructor(registry: Registry, given: Readonly<{ fail: (what: string) => void; nowMs: () => number; hosts: () => readonly SimHost[] }>) {
    this.registry = registry;
    this.#fail = given.fail;
    this.#nowMs = given.nowMs;
    this.#hosts = given.hosts;
    this.check = new LogCheck(registry);
    this.fabric = new WorldFabric({ registry, fold: this.check.fold });
  }

  get position(): bigint {
    return this.check.fold.position;
  }

  take(append: Append): void {
    const change = this.check.take(append);
    for (const { stream, position, what } of this.check.findings.slice(this.#found)) this.#fail(`${stream} at ${position}: ${what}`);
    this.#found = this.check.findings.length;
    this.#madeMs.set(append.position, this.#nowMs());
    for (const { type, data } of append.events) if (type === 'VniRested.v1') this.#vniRested(Number(data['vni']));
    if (change === undefined) return;
    if (change.after?.key.kind === 'Host') this.#hostChanged(change.after);
    this.fabric.onChange(change);
    this.#noteWanted(append.position);
    for (const fault of this.fabric.faults) this.#fail(`rows cannot be made: ${fault}`);
    this.#remember(change);
  }

  #remember({ append, after }: Change): void {
    const { stream, position, events } = append;
    if (!this.registry.holdsObject(stream)) return;
    const requestId = events[0]?.metadata.requestId ?? '';
    const request = `${stream} ${requestId}`;
    const before = this.#requests.get(request);
    if (before !== undefined) this.#fail(`${stream}: the request ${requestId} was carried out at ${before} and at ${position}`);
    this.#requests.set(request, position);
    const lives = this.#lives.get(stream) ?? [];
    this.#lives.set(stream, lives);
    lives.push({ from: position, position: after?.status === 'live' ? after.position : undefined });
  }

  // --- what people were told --------------------------------------------------------------------------------------------------------------------

  /** Whether the object was there (or not) at some moment since the log was at `since`. */
  #wasEver(key: ObjectKey, since: bigint, isThere: boolean): boolean {
    return this.#livesSince(key, since).some(({ position }) => (position !== undefined) === isThere);
  }

  #livesSince(key: ObjectKey, since: bigint): readonly Lived[] {
    const lives = this.#lives.get(streamOf(key)) ?? [];
    const first = lives.findLastIndex(({ from }) => from <= since);
    return first < 0 ? [{ from: 0n, position: undefined }, ...lives] : lives.slice(first);
  }

  /** `since`: where the log was when the command was sent for the first time. */
  judge(command: ObjectCommand, requestId: string, reply: Reply, since: bigint): void {
    const key = keyOfCommand(command);
    const done = this.#requests.get(`${streamOf(key)} ${requestId}`);
    const told = `${command.verb} ${key.kind} ${key.namespace ?? ''}/${key.name} (request ${requestId})`;
    if (reply.ok) {
      const position = BigInt(reply.position);
      if (position > this.position) this.#fail(`${told} is answered with ${position}, the log ends at ${this.position}`);
      if (done !== undefined && done > position) this.#fail(`${told} is answered with ${position}, and was carried out at ${done}`);
      if (done === undefined && command.verb === 'create') this.#fail(`${told} was acknowledged, and is not in the log`);
      if (done === undefined && command.verb === 'delete' && this.#livesSince(key, since).length === 0)
        this.#fail(`${told} was acknowledged, and is not in the log`);
      return;
    }
    if (reply.retry !== 'no') return;
    const { code, reason, message } = reply.status;
    if (done !== undefined) this.#fail(`${told} was carried out at ${done} and refused: ${code} ${message}`);
    // Details name the object that was missed: one that this one needs, such as its namespace, is judged by itself.
    const isOwn = reply.status.details?.name === key.name && (reply.status.details?.kind ?? '') !== 'namespaces';
    if (reason === 'NotFound' && isOwn && !this.#wasEver(key, since, false))
      this.#fail(`${told} is refused, but was there all the time: ${message}`);
    if (reason === 'AlreadyExists' && isOwn && !this.#wasEver(key, since, true))
      this.#fail(`${told} is refused, but was never there: ${message}`);
  }

  /** What a read gave that began when the log was at `since`. */
  judgeRead(key: ObjectKey, position: bigint | undefined, since: bigint): void {
    if (this.#livesSince(key, since).some((lived) => lived.position === position)) return;
    this.#fail(`a read of ${streamOf(key)} gave ${position ?? 'nothing'}, which it was not since ${since}`);
  }

  // --- kernels ----------------------------------------------------------------------------------------------------------------------------------

  /** Since when each host ought to have each of its objects: positions of objects are those of rows, which may have been there before a host had use for them. */
  #noteWanted(position: bigint): void {
    for (const host of this.fabric.hosts) {
      const wanted = this.fabric.kernelOf(host);
      const wishes = this.#wishes.get(host) ?? new Map<string, Wish>();
      this.#wishes.set(host, wishes);
      const other = this.#everOther.get(host) ?? new Set<string>();
      this.#everOther.set(host, other);
      for (const key of wishes.keys()) {
        if (wanted?.has(key) === true) continue;
        wishes.delete(key);
        other.add(key);
      }
      for (const [key, object] of wanted ?? []) {
        const wish = wishes.get(key);
        if (wish !== undefined && isSameWish(wish.object, object)) continue;
        wishes.set(key, { since: wish?.since ?? position, asItIs: position, object });
        if (wish !== undefined) other.add(key);
      }
    }
  }

  #hostChanged({ key: { name }, status, object }: Folded): void {
    const isReady = status === 'live' && conditionOf(object, 'Ready')?.status === 'True';
    if (!isReady) this.#readyMs.delete(name);
    else if (!this.#readyMs.has(name)) this.#readyMs.set(name, this.#nowMs());
  }

  /** A number is given to another network only when no host that is left forwards under it (provider R-2). */
  #vniRested(vni: number): void {
    for (const host of this.#hosts()) {
      const index = this.#indexOf(host);
      const left =
        index === undefined ? [] : [...host.kernel(index).objects.values()].filter((object) => 'vni' in object && object.vni === vni);
      if (left.length > 0) this.#fail(`VNI ${vni} has rested, host ${host.name} still holds ${left.map(keyOf).slice(0, 3).join(', ')}`);
    }
  }

  #indexOf({ name }: SimHost): number | undefined {
    const state = this.check.fold.get({ kind: 'Host', name });
    return state?.status === 'live' ? (state.object.status?.['index'] as number | undefined) : undefined;
  }

  #wasTampered(host: SimHost, object: KernelObject): boolean {
    return this.#nowMs() - host.tamperedMs(object) < REPAIRED_MS;
  }

  /** Called right before an agent puts an object into its kernel. */
  judgePut(host: SimHost, index: number, object: KernelObject): void {
    if (object.kind !== 'port') return;
    for (const ip of object.ips) this.#ports.set(`${object.vni}/${ip}/${index}`, object.nic);
    const before = host.kernel(index).objects.get(keyOf(object));
    const wasUp = before?.kind === 'port' && before.up && before.vni === object.vni;
    if (!object.up || index !== this.#indexOf(host)) return;
    if (!wasUp) this.#judgeLink(host, index, object);
    for (const other of this.#hosts()) if (other !== host) this.#judgeAddresses(host, other, object);
  }

  /** A link comes up only behind everything that its packets need, as of the position at which it was placed. */
  #judgeLink(host: SimHost, index: number, port: PortObject): void {
    if (this.#wasTampered(host, port)) return;
    const { objects } = host.kernel(index);
    for (const need of this.fabric.kernelOf(host.name)?.values() ?? []) {
      if (need.kind === 'port' || !('vni' in need) || need.vni !== port.vni) continue;
      const since = this.#wishes.get(host.name)?.get(keyOf(need))?.since;
      if (since === undefined || since > BigInt(port.position) || objects.has(keyOf(need))) continue;
      this.#fail(`host ${host.name}: the link of ${port.nic} (${port.position}) comes up before ${keyOf(need)} (wanted since ${since})`);
    }
  }

  /** When an address goes to another interface, hosts that are Ready send nothing to its former holder any more (DESIGN 3). */
  #judgeAddresses(host: SimHost, other: SimHost, port: PortObject): void {
    const index = this.#indexOf(other);
    const readyMs = this.#readyMs.get(other.name);
    const placedMs = this.#madeMs.get(BigInt(port.position));
    if (index === undefined || readyMs === undefined || placedMs === undefined || this.#wasTampered(other, port)) return;
    if (readyMs > placedMs - SEEN_MS) return;
    const { objects } = other.kernel(index);
    for (const ip of port.ips) {
      const route = objects.get(`route/${port.vni}/${ip}`);
      const at = route?.kind === 'route' ? route.hostIndex : index;
      const holder = this.#ports.get(`${port.vni}/${ip}/${at}`);
      const isThere =
        route !== undefined || [...objects.values()].some((each) => each.kind === 'port' && each.vni === port.vni && each.ips.includes(ip));
      if (isThere && holder !== undefined && holder !== port.nic)
        this.#fail(`host ${host.name}: ${port.nic} comes up with ${ip}, which host ${other.name} still sends to ${holder}`);
    }
  }

  /** Called right before an agent removes an object: what was wanted all the time stays, whatever happens above (DESIGN 1, idea 5). */
  judgeRemove(host: SimHost, index: number, key: string): void {
    const object = host.kernel(index).objects.get(key);
    if (object === undefined || index !== this.#indexOf(host) || this.#wasTampered(host, object)) return;
    const wish = this.#wishes.get(host.name)?.get(key);
    const wishedMs = wish && this.#madeMs.get(wish.asItIs);
    if (wish === undefined || wishedMs === undefined || !mustStay(object, wish.object)) return;
    const isOther = this.#everOther.get(host.name)?.has(key) === true;
    // Nothing ever said that it has to go, or not after the row that it was made of. An entry is made of rows of several tables: its position says less.
    const isOfThisWish = !isOther || (object.kind !== 'entry' && BigInt(object.position) >= wish.since);
    if (isOfThisWish || this.#nowMs() - wishedMs > LAG_MS_MAX)
      this.#fail(`host ${host.name} removes ${key}, which is wanted since ${wish.asItIs}`);
  }
}

/** An entry that has another value, or is made of other rows, is another one: between the rows of two tables that one append changed, there may be none. */
function isSameWish(before: KernelObject, after: KernelObject): boolean {
  if (before.kind !== 'entry' || after.kind !== 'entry') return true;
  return before.value === after.value && before.position === after.position;
}

/** Whether `is`, in the kernel, is what is wanted. Of an entry without a position nobody knows whether it is made of the same rows still. */
function mustStay(is: KernelObject, wanted: KernelObject): boolean {
  if (is.kind !== 'entry' || wanted.kind !== 'entry') return true;
  return is.value === wanted.value && wanted.position !== '0';
}

export function keyOfCommand(command: ObjectCommand): ObjectKey {
  if (command.verb !== 'create') return command.key;
  const { kind, namespace, object } = command;
  const { name } = object['metadata'] as { name: string };
  return namespace === undefined ? { kind, name } : { kind, namespace, name };
}
