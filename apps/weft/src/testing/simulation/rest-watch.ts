/**
 * What rests may be had again once all those hosts have said that they let it go which may still forward for it (provider R-2, DESIGN 3). It is told from the log
 * alone, at the position where it is handed on. Whoever decided that had seen less of the log, but not less than where the rest began: so it is held only to what
 * has been true of a host all the time since.
 */
import { type Append, type Change, EVERYTHING, type Folded, type FoldView } from '@weft/api';
import { type HostTypes, isReady, networkKey } from '@weft/network';

const BOOK = 'AddressBook-';

/** Of a host that lives: since when it has been Ready and has held or imported a network, without a break, and the highest rev of a table that it ever reported. */
type Hold = { ready: bigint | undefined; readonly vnis: Map<string, bigint>; readonly applied: Map<string, bigint> };

export class RestWatch {
  readonly #fail: (what: string) => void;
  readonly #fold: Pick<FoldView, 'get'>;
  readonly #hosts = new Map<string, Hold>();
  /** Number of a network -> position of its release. */
  readonly #released = new Map<number, bigint>();
  /** Book and address -> position until which its last holder used it. */
  readonly #resting = new Map<string, bigint>();

  constructor(fold: Pick<FoldView, 'get'>, fail: (what: string) => void) {
    this.#fold = fold;
    this.#fail = fail;
  }

  /** To be called with each append, after the fold has taken it. */
  take(append: Append, change: Change | undefined): void {
    if (change?.after?.key.kind === 'Host') this.#hostChanged(change.after as Folded<HostTypes>, append.position);
    for (const { type, data } of append.events) {
      if (type === 'VniReleased.v1') this.#released.set(Number(data['vni']), append.position);
      else if (type === 'VniRested.v1') this.#judgeNumber(Number(data['vni']));
      else if (type === 'NetworkInterfaceAddressesRested.v1') this.#judgeInterface(change?.before);
      else if (append.stream.startsWith(BOOK)) this.#takeBook(append.stream, type, data);
    }
  }

  #hostChanged(host: Folded<HostTypes>, position: bigint): void {
    const { name } = host.key;
    if (host.status !== 'live') {
      this.#hosts.delete(name);
      return;
    }
    const hold = this.#hosts.get(name) ?? { ready: undefined, vnis: new Map(), applied: new Map() };
    this.#hosts.set(name, hold);
    hold.ready = isReady(host) ? (hold.ready ?? position) : undefined;
    const { held = {}, imported = {}, applied = {} } = host.facts;
    const vnis = new Set([...Object.keys(held), ...Object.keys(imported)]);
    for (const vni of hold.vnis.keys()) if (!vnis.has(vni)) hold.vnis.delete(vni);
    for (const vni of vnis) if (!hold.vnis.has(vni)) hold.vnis.set(vni, position);
    for (const [table, rev] of Object.entries(applied))
      if (BigInt(rev) > (hold.applied.get(table) ?? -1n)) hold.applied.set(table, BigInt(rev));
  }

  #judgeNumber(vni: number): void {
    const released = this.#released.get(vni);
    for (const [host, { vnis }] of this.#hosts) {
      const since = vnis.get(`${vni}`);
      if (released !== undefined && since !== undefined && since <= released)
        this.#fail(`VNI ${vni} has rested, which was released at ${released} and which host ${host} holds since ${since}`);
    }
  }

  #takeBook(stream: string, type: string, data: Append['events'][number]['data']): void {
    const { ips = [], resting: until } = data as { ips?: readonly string[]; resting?: string };
    const addressOf = (ip: string) => `${stream} ${ip}`;
    if (type === 'AddressesReleased.v1') {
      for (const ip of ips) {
        if (until === undefined) this.#resting.delete(addressOf(ip));
        else this.#resting.set(addressOf(ip), BigInt(until));
      }
    } else if (type === 'AddressesClaimed.v1') {
      const dot = stream.indexOf('.');
      for (const ip of ips) {
        const since = this.#resting.get(addressOf(ip));
        this.#resting.delete(addressOf(ip));
        if (since === undefined || (until !== undefined && BigInt(until) >= since)) continue;
        this.#judgeAddress(`${ip}, given to ${String(data['nic'])},`, stream.slice(BOOK.length, dot), stream.slice(dot + 1), since);
      }
    }
  }

  /** An interface that got its address while that rested, and may use it from now on. */
  #judgeInterface(before: Folded | undefined): void {
    const resting = before?.facts['resting'] as string | undefined;
    if (before === undefined || resting === undefined) return;
    const { namespace = '', name } = before.key;
    const { networkRef } = (before.object.spec ?? {}) as { networkRef?: { name: string } };
    if (networkRef !== undefined)
      this.#judgeAddress(`what interface ${namespace}/${name} has`, namespace, networkRef.name, BigInt(resting));
  }

  #judgeAddress(what: string, namespace: string, network: string, since: bigint): void {
    const state = this.#fold.get(networkKey(namespace, network));
    const vni = state?.facts['vni'] as number | undefined;
    if (state?.status !== 'live' || vni === undefined || (state.facets['vni']?.position ?? since) >= since) return;
    for (const [host, { ready, vnis, applied }] of this.#hosts) {
      if (ready === undefined || ready > since || (vnis.get(`${vni}`) ?? since + 1n) > since) continue;
      const reached = [`endpoints.${vni}`, EVERYTHING].some((table) => (applied.get(table) ?? -1n) >= since);
      if (!reached) this.#fail(`${what} has rested, which host ${host} may still send to its former holder, who had it until ${since}`);
    }
  }
}
