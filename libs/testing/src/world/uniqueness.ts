/** Who holds what can be held by one only, according to the log alone: a second holder is an error, also while what was given back rests. */
import { type Change, type RecordedEvent, streamOf } from '@weft/api';

type Given = Readonly<Record<string, unknown>>;

export class Uniqueness {
  /** What is held -> its holder; `rests` for what was given back and may not be given yet. */
  readonly #holders = new Map<string, string>();
  /** Ranges of ports that are in use or rest, by public address. */
  readonly #ports = new Map<string, Map<number, number>>();
  readonly #uids = new Map<string, string>();

  /** Types of the events by which something was given. */
  readonly given = new Set<string>();

  /** What has a holder at present, in order. */
  get held(): readonly string[] {
    return [...this.#holders.keys()].sort();
  }

  readonly take = ({ append, before, after }: Change): void => {
    for (const event of append.events) this.#event(event);
    if (after === undefined) return;
    // A name: an incarnation begins only where none lives, and no other object has its uid.
    const [was, is] = [before, after].map((state) => (state?.status === 'live' ? state.object.metadata.uid : undefined));
    if (is === undefined || is === was) return;
    if (was !== undefined && !append.events.some(({ type }) => type.includes('Ended')))
      throw new Error(`${append.stream} has two objects: ${was} and ${is}`);
    const name = streamOf(after.key);
    const other = this.#uids.get(is);
    if (other !== undefined) throw new Error(`${is} is the uid of ${other} and of ${name}`);
    this.#uids.set(is, name);
  };

  #event({ type, data, stream }: RecordedEvent): void {
    const given = data as Given;
    const uid = String(given['uid']);
    if (/(Claimed|Allocated|Numbered)\.v1$/.test(type)) this.given.add(type);
    switch (type) {
      case 'AddressesClaimed.v1':
        for (const what of addressesOf(stream, given)) this.#hold(what, uid);
        return;
      case 'AddressesReleased.v1':
        for (const what of addressesOf(stream, given)) this.#free(what, uid);
        return;
      case 'BalancerAddressesClaimed.v1':
        for (const what of addressesOf(stream, given)) this.#hold(what, uid);
        return;
      case 'BalancerAddressesReleased.v1':
        for (const what of addressesOf(stream, given)) this.#rest(what, uid);
        return;
      case 'BalancerAddressesRested.v1':
        for (const what of addressesOf(stream, given)) this.#free(what, RESTS);
        return;
      case 'BalancerNumbered.v1':
        this.#hold(`${stream} balancer ${given['number']}`, uid);
        return;
      case 'BalancerNumberReleased.v1':
        this.#rest(`${stream} balancer ${given['number']}`, uid);
        return;
      case 'BalancerNumberRested.v1':
        this.#free(`${stream} balancer ${given['number']}`, RESTS);
        return;
      case 'VniAllocated.v1':
        this.#hold(`VNI ${given['vni']}`, uid);
        return;
      case 'VniReleased.v1':
        this.#rest(`VNI ${given['vni']}`, uid);
        return;
      case 'VniRested.v1':
        this.#free(`VNI ${given['vni']}`, RESTS);
        return;
      case 'HostIndexClaimed.v1':
        this.#hold(`host index ${given['index']}`, uid);
        return;
      case 'HostIndexReleased.v1':
        this.#free(`host index ${given['index']}`, uid);
        return;
      case 'AddressAllocated.v1':
        this.#hold(`public address ${given['ip']}`, `${uid} ${given['slot']}`);
        return;
      case 'AddressReleased.v1':
        this.#rest(`public address ${given['ip']}`, `${uid} ${given['slot']}`);
        return;
      case 'AddressRested.v1':
        this.#free(`public address ${given['ip']}`, RESTS);
        return;
      case 'NatSlotAllocated.v1':
        this.#takePorts(given);
        return;
      case 'NatSlotRested.v1':
        this.#ports.get(String(given['ip']))?.delete(Number(given['port']));
        return;
    }
  }

  #hold(what: string, holder: string): void {
    const other = this.#holders.get(what) ?? holder;
    if (other !== holder) throw new Error(`${what} has two holders: ${other} and ${holder}`);
    this.#holders.set(what, holder);
  }

  #rest(what: string, holder: string): void {
    this.#free(what, holder);
    this.#holders.set(what, RESTS);
  }

  #free(what: string, holder: string): void {
    const other = this.#holders.get(what);
    if (other !== holder) throw new Error(`${what} is given back by ${holder}, its holder is ${other}`);
    this.#holders.delete(what);
  }

  #takePorts(given: Given): void {
    const { ip, port, ports, early = [] } = given as { ip: string; port: number; ports: number; early?: readonly number[] };
    const taken = this.#ports.get(ip) ?? new Map<number, number>();
    this.#ports.set(ip, taken);
    for (const first of early) taken.delete(first);
    for (const [first, count] of taken) {
      if (first < port + ports && port < first + count) throw new Error(`ports ${port} and ${first} of ${ip} have two holders`);
    }
    taken.set(port, ports);
  }
}

const RESTS = 'rests';

/** Addresses of a Network, and the number within it, from which a MAC follows. */
function addressesOf(stream: string, { ips, index }: Given): readonly string[] {
  return [...(ips as readonly string[]).map((ip) => `${stream} ${ip}`), ...(index === undefined ? [] : [`${stream} number ${index}`])];
}
