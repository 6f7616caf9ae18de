/**
 * Sections: the parts of a router's kernel state that generic entries fill. A section says all that a driver has to know, so that a feature which brings
 * entries of its own touches none.
 */
import type { NftType } from './nft-types.ts';

/**
 * A set or map of the router's table `dp`. Keys and values are parts joined by ` . `, each as `nft-types.ts` writes it; a set has the value ''. Entries of an
 * interval section must not overlap: which of them nft refuses would depend on the order in which they come.
 */
export type NftSection = Readonly<{
  kind: 'nft';
  name: string;
  key: readonly NftType[];
  /** A map. */
  value?: readonly NftType[];
  /** Parts of the key may be prefixes or ranges. Plain ones (a single part) slow down every change of every set: write `addr . proto . port`. */
  interval?: true;
  /** No set: a chain `<name>_<key>` for each entry, with these rules. For what nft takes no map for. */
  chainOf?: (key: string) => readonly string[];
  /** In the router of the public side only; set by `sectionsOf`. */
  isPublic?: true;
  /** A map of the table that looks at whole frames, of the public side. */
  netdev?: true;
  /** Parts of the value may be ranges. */
  ranges?: true;
  /** Flows that are tracked end with an element: those from or to the address in its key or value; or to the ports of an address that its key is. */
  ends?: 'key' | 'value' | 'slice';
  /** Each element counts the packets that have matched it. */
  counts?: true;
  /** Keys are an address and a number from 0 on, of which an address has thousands: buckets. Who keeps what a kernel holds keeps lists of them (`ObjectMap`). */
  buckets?: true;
  /** Of a set: an element that is not wanted any more stays for so many seconds, and counts as gone meanwhile. */
  lingersS?: number;
  /**
   * One packet looks in several of these, in the ones of `first` before the ones of `then`, and may do so while they change. Where nothing else changes, elements of
   * `then` come before, and go after, the change of `first`: what was admitted and stays so is found at each moment. It is for those alone whose elements admit, each
   * by itself.
   */
  looked?: 'first' | 'then';
  /** In place of the types, where nft takes expressions only: what follows the word `typeof`, the value's included. */
  typeof?: string;
}>;

/**
 * Sections of the other tables of the kernel, one each for all features.
 *
 * | section      | key                     | value                                              |
 * |--------------|-------------------------|----------------------------------------------------|
 * | `wires`      | VNI of another router   | '' (a veth pair to it: `q<its VNI>` here; both routers want it) |
 * | `neighbours` | `<device> <address>`    | MAC                                                |
 * | `tunnels`    | MAC                     | `<underlay address> <VNI>`: where `vx` sends it    |
 * | `routes`     | destination, as a host's address or a prefix | `<next hop> <device>`         |
 * | `here_routes`| the same, on the public side: asked first for packets with the mark `HERE` | the same |
 */
export type TableSection = Readonly<{ kind: 'wires' | 'neighbours' | 'tunnels' | 'routes' | 'here_routes'; name: string }>;
export type Section = NftSection | TableSection;

/** In the order in which entries need each other. */
export const TABLE_SECTIONS: readonly TableSection[] = [
  { kind: 'wires', name: 'wires' },
  { kind: 'tunnels', name: 'tunnels' },
  { kind: 'neighbours', name: 'neighbours' },
  { kind: 'routes', name: 'routes' },
  { kind: 'here_routes', name: 'here_routes' },
];

/** A chain of the router's table. `declaration` makes it a base chain: `type filter hook forward priority 10; policy drop`. */
export type Chain = Readonly<{
  name: string;
  declaration?: string;
  rules: readonly string[];
  /** Of the table that looks at whole frames, of the public side; a base chain there is at the device `vx`. */
  netdev?: true;
}>;

/** As nft takes it. */
export function declarationOf({ name, key, value, interval, ranges, lingersS, counts, ...section }: NftSection): string {
  const mapped = value === undefined ? '' : ` : ${ranges === true ? 'interval ' : ''}${value.join(' . ')}`;
  const types = section.typeof === undefined ? `type ${key.join(' . ')}${mapped}` : `typeof ${section.typeof}`;
  const flags = interval === true ? 'interval' : lingersS === undefined ? undefined : 'timeout';
  return `${value === undefined ? 'set' : 'map'} ${name} { ${types};${flags === undefined ? '' : ` flags ${flags};`}${counts === true ? ' counter;' : ''} }`;
}

/** The device of a wire, as the router at its other end has it for its own. */
export function wireDevice(vni: number | string): string {
  return `q${vni}`;
}
