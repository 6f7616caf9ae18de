/**
 * The public side of a host: the router of `PUBLIC_VNI`, which keeps no state, so that any host may get any public packet (linux-dataplane 4.2, 4.6). For
 * features: ways there, and what the marks of packets mean while they are in it.
 *
 *   0              by destination alone
 *   1 - 0xffff     to the host with this index, where the route of the destination is `BY_MARK`; the next public side sends it no further (provider R-40)
 *   `HERE_MARK`    `here_routes` are asked for the destination first
 */
import { familyOfIp, type IpFamily } from '@weft/api';
import type { Lens, Read } from '@weft/derive';
import type { Here } from '../compile/here.ts';
import { inNetwork } from '../compile/network-key.ts';
import type { EntryDraft } from '../kernel/feature.ts';
import { nextHop, routerMac } from '../kernel/router-names.ts';
import { wireDevice } from '../kernel/sections.ts';
import { type EdgeRow, PUBLIC_VNI } from '../rows/rows.ts';

/** Of an edge, towards the internet. Its driver makes it; addresses and routes that others give it stay. */
export const UPLINK_DEVICE = 'uplink';
export const HERE_MARK = 0x8000_0000;
/** Sources of errors of routers, as these have them: nobody outside has one. */
export const ROUTER_RANGES = ['169.254.0.0/16', 'fd77:6566:7400::/40'] as const;
/** Where packets go whose mark says to which host. */
export const BY_MARK = `${nextHop(PUBLIC_VNI, 0)} vx`;
/** No host has this index: what is sent there by no mark gets nowhere. */
export const BY_MARK_NEIGHBOUR: EntryDraft = {
  vni: PUBLIC_VNI,
  section: 'neighbours',
  key: `vx ${nextHop(PUBLIC_VNI, 0)}`,
  value: routerMac(PUBLIC_VNI, 0),
  owner: `Network/${PUBLIC_VNI}`,
};

const there: Lens<unknown, true> = { name: 'there', of: () => true };

/** Only an edge follows the rows of all public addresses, and its kernel alone reflects them: what another host has of these rows says nothing. */
export function isEdge(read: Read, { identity, rows: { edges } }: Here): boolean {
  return read.see(edges, there, inNetwork(PUBLIC_VNI, identity.host)) === true;
}

/** The edges that others send by, in order: those in order, or all where none is. */
export function usableEdges<R extends EdgeRow>(edges: Iterable<R>): readonly R[] {
  const all = [...edges].sort((a, b) => (a.host < b.host ? -1 : 1));
  const good = all.filter(({ avoid }) => avoid !== true);
  return good.length > 0 ? good : all;
}

/** From the public side into a network here. */
export function intoNetwork({ identity }: Here, vni: number): string {
  return `${nextHop(vni, identity.index)} ${wireDevice(vni)}`;
}

/** To the public side of another host. */
export function toHost(hostIndex: number): string {
  return `${nextHop(PUBLIC_VNI, hostIndex)} vx`;
}

/** A public address, or range, leads there. */
export function wayTo(ip: string, way: string, owner: string, section: 'routes' | 'here_routes' = 'routes'): EntryDraft {
  return { vni: PUBLIC_VNI, section, key: ip, value: way, owner };
}

/** What an interface sends from this address may leave its network: some feature gives it a public source. */
export function sourceDraft(vni: number, address: string, owner: string): EntryDraft {
  return { vni, section: `public_source${digit(familyOfIp(address))}`, key: address, owner };
}

export function digit(family: IpFamily): string {
  return family.slice(-1);
}
