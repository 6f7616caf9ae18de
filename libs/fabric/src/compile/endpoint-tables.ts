import { each, type Few, minus, plus, sizeOf } from '@weft/api';
import { type Cause, type Changed, type Source, type SourceIndex, Table } from '@weft/derive';
import { causesOf, destinationsOf, sameRow } from '../rows/provenance.ts';
import type { EndpointRow } from '../rows/rows.ts';
import { inNetwork, networkOf, restOf } from './network-key.ts';

/** An endpoint row with the network whose table it is in. */
export type Endpoint = Readonly<{ vni: number; row: EndpointRow }>;

/**
 * Endpoints of all followed networks as one source, by `<vni>/<NIC uid>`. They are by far the most rows of a host, so they are kept by network (a
 * network is left at a cost that grows with it alone), a key is made only when somebody asks for it, and of the members of a site there is a count.
 */
export class EndpointTables implements Source<Endpoint> {
  readonly name: string;
  readonly indexes = { destination: new DestinationIndex() };
  /** `<vni>/<host>` where a host has endpoints in a network. */
  readonly sites = new Table<true>('hosts in networks');
  readonly #networks = new Map<number, Map<string, Endpoint>>();
  readonly #endpointsOfSite = new Map<string, number>();
  readonly #report: Changed<Endpoint>[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    let size = 0;
    for (const endpoints of this.#networks.values()) size += endpoints.size;
    return size;
  }

  get(key: string): Endpoint | undefined {
    return this.#networks.get(Number(networkOf(key)))?.get(restOf(key));
  }

  *keys(): Iterable<string> {
    for (const endpoints of this.#networks.values()) for (const endpoint of endpoints.values()) yield keyOf(endpoint);
  }

  attach(changed: Changed<Endpoint>): void {
    this.#report.push(changed);
  }

  causesOf({ row }: Endpoint): readonly Cause[] {
    return causesOf(row);
  }

  /** Rows of one network. */
  of(vni: number): Iterable<Endpoint> {
    return this.#networks.get(vni)?.values() ?? [];
  }

  nicsOf(vni: number): readonly string[] {
    return [...(this.#networks.get(vni)?.keys() ?? [])];
  }

  /** A row that comes again as it was, as after a reconnection, changes nothing. */
  set(vni: number, nic: string, row: EndpointRow | undefined): void {
    const endpoints = this.#networks.get(vni) ?? new Map<string, Endpoint>();
    const before = endpoints.get(nic);
    if (before === undefined ? row === undefined : row !== undefined && sameRow(before.row, row)) return;
    const after = row && { vni, row };
    if (after === undefined) endpoints.delete(nic);
    else endpoints.set(nic, after);
    if (endpoints.size === 0) this.#networks.delete(vni);
    else if (before === undefined) this.#networks.set(vni, endpoints);
    this.indexes.destination.refile(before, after);
    for (const report of this.#report) report(inNetwork(vni, nic), before, after);
    if (before?.row.host === row?.host) return;
    if (row !== undefined) this.#count(inNetwork(vni, row.host), 1);
    if (before !== undefined) this.#count(inNetwork(vni, before.row.host), -1);
  }

  #count(site: string, by: 1 | -1): void {
    const before = this.#endpointsOfSite.get(site) ?? 0;
    const after = before + by;
    if (after > 0) this.#endpointsOfSite.set(site, after);
    else this.#endpointsOfSite.delete(site);
    if (before === 0) this.sites.put(site, true);
    else if (after === 0) this.sites.delete(site);
  }
}

/** By `<vni>/<address or range>`. */
class DestinationIndex implements SourceIndex<Endpoint> {
  readonly #members = new Map<string, Few<Endpoint>>();
  /** The last one filed: the engine asks for its values again at once. */
  #filed: Endpoint | undefined;
  #values: readonly string[] = [];

  valuesOf(endpoint: Endpoint): readonly string[] {
    if (this.#filed !== endpoint) {
      this.#values = destinationsOf(endpoint.row).map((each) => inNetwork(endpoint.vni, each));
      this.#filed = endpoint;
    }
    return this.#values;
  }

  count(value: string): number {
    return sizeOf(this.#members.get(value));
  }

  *members(value: string): Iterable<readonly [key: string, endpoint: Endpoint]> {
    for (const endpoint of each(this.#members.get(value))) yield [keyOf(endpoint), endpoint];
  }

  refile(before: Endpoint | undefined, after: Endpoint | undefined): void {
    if (before !== undefined) for (const value of this.valuesOf(before)) this.#set(value, minus(this.#members.get(value), before));
    if (after !== undefined) for (const value of this.valuesOf(after)) this.#set(value, plus(this.#members.get(value), after));
  }

  #set(value: string, members: Few<Endpoint>): void {
    if (members === undefined) this.#members.delete(value);
    else this.#members.set(value, members);
  }
}

function keyOf({ vni, row }: Endpoint): string {
  return inNetwork(vni, row.nic);
}
