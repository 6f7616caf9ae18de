/**
 * Port ranges of one public address (provider 1.6, "Ours", R-11): slot k of size P is `max(1024, P) + k*P` to `… + P - 1`, both inclusive. Each is aligned
 * to its size, so that a masked match finds its owner, and two of any sizes are either apart or one lies in the other.
 */

/** Ports below belong to well-known services. */
const PORT_FIRST = 1_024;
const PORT_END = 65_536;
/** The largest range of which an address has room for one. */
export const PORTS_MAX = 32_768;

/** `ports` of them, from `port` on. */
export type PortRange = Readonly<{ port: number; ports: number }>;

function firstPort(ports: number): number {
  return Math.max(PORT_FIRST, ports);
}

/** How many ranges of this size an address has; 0 for sizes above PORTS_MAX. */
export function slotsPerAddress(ports: number): number {
  return Math.max(0, Math.floor((PORT_END - firstPort(ports)) / ports));
}

export function portOfSlot(slot: number, ports: number): number {
  return firstPort(ports) + slot * ports;
}

/** Which slots of one size are free on one address, beside ranges of any size. Changed in place. */
export class FreeSlots {
  readonly #ports: number;
  /** By slot: how many ranges lie in it or around it. */
  readonly #taken: Uint16Array;
  #free: number;
  /** No slot below is free. */
  #lowest = 0;

  constructor(ports: number) {
    this.#ports = ports;
    this.#taken = new Uint16Array(slotsPerAddress(ports));
    this.#free = this.#taken.length;
  }

  copy(): FreeSlots {
    const copy = new FreeSlots(this.#ports);
    copy.#taken.set(this.#taken);
    copy.#free = this.#free;
    copy.#lowest = this.#lowest;
    return copy;
  }

  get free(): number {
    return this.#free;
  }

  take(range: PortRange): void {
    for (const slot of this.touched(range)) if ((this.#taken[slot] as number)++ === 0) this.#free--;
  }

  give(range: PortRange): void {
    for (const slot of this.touched(range)) {
      if (--(this.#taken[slot] as number) > 0) continue;
      this.#free++;
      this.#lowest = Math.min(this.#lowest, slot);
    }
  }

  /** First ports of the free slots, in rising order. Do not use the iterator after a change. */
  *freePorts(): IterableIterator<number> {
    if (this.#free === 0) return;
    let slot = this.#lowest;
    while (slot < this.#taken.length && this.#taken[slot] !== 0) slot++;
    this.#lowest = slot;
    for (; slot < this.#taken.length; slot++) if (this.#taken[slot] === 0) yield portOfSlot(slot, this.#ports);
  }

  /** How many ranges lie in this slot or around it. */
  takenIn(slot: number): number {
    return this.#taken[slot] ?? 0;
  }

  /** The slots in which a range lies, or which lie in it. */
  *touched({ port, ports }: PortRange): IterableIterator<number> {
    const slotOf = (each: number) => Math.floor((each - firstPort(this.#ports)) / this.#ports);
    const last = Math.min(slotOf(port + ports - 1), this.#taken.length - 1);
    for (let slot = Math.max(0, slotOf(port)); slot <= last; slot++) yield slot;
  }
}
