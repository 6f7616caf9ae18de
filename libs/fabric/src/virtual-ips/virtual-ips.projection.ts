/**
 * VirtualIPs of interfaces: from the fold to the rows that say which public address stands for which address of an interface (`virtual-ips.<vni>`), and on
 * which host that is (`virtual-ips.1`, ADR 31). One that a LoadBalancer holds is an address of that balancer, and has no row here.
 *
 *   VirtualIP -- address, holder ----------+
 *   NetworkInterface -- addresses ---------+--> virtual-ips.<vni>
 *   Network -- vni ------------------------+
 *   NetworkInterface -- placement ---------+--> virtual-ips.1
 */
import { AnyVirtualIp, familyOfIp, nameFrom, type SeenVirtualIp, specOf, statusOf, type View } from '@weft/api';
import { Network, NetworkInterface, type NicTypes } from '@weft/network';
import { networkNumber } from '../routing/routing.reads.ts';
import type { PlacedRow, RowsOf } from '../rows/row-projection.ts';
import { PUBLIC_VNI } from '../rows/rows.ts';
import { publicVirtualIpRow, virtualIpRow } from './virtual-ips.rows.ts';

/** A VirtualIP with an address that somebody holds. */
const heldVirtualIp: View<SeenVirtualIp, Readonly<{ uid: string; ip: string; holder: string }>> = {
  kind: AnyVirtualIp,
  name: 'held',
  facets: () => ['created', 'spec.targetRef', 'wanted', 'publicAddresses'],
  of: ({ object }) => {
    const { ip } = statusOf(object);
    const holder = specOf(object).targetRef?.uid;
    return ip === undefined || holder === undefined ? undefined : { uid: object.metadata.uid, ip, holder };
  },
};

const addressed: View<NicTypes, Readonly<{ namespace: string; name: string; network: string; ips: readonly string[] }>> = {
  kind: NetworkInterface,
  name: 'addressed',
  facets: () => ['created', 'addresses'],
  of: ({ key: { namespace = '', name }, object }) => ({
    namespace,
    name,
    network: specOf(object).networkRef?.name ?? '',
    ips: statusOf(object).ips ?? [],
  }),
};

const hostOfNic: View<NicTypes, string> = {
  kind: NetworkInterface,
  name: 'host',
  facets: () => ['created', 'placement'],
  of: ({ facts: { placement } }) => placement?.host,
};

export const virtualIps: RowsOf = {
  name: 'virtual IPs',
  version: 1,
  kinds: [AnyVirtualIp, Network, NetworkInterface],
  declare: ({ map, from }) => {
    map('rows of virtual IPs', from.kind(AnyVirtualIp.kind), (key, facts, read) => {
      const held = facts.see(heldVirtualIp, nameFrom(key));
      if (held === undefined) return [];
      const [nic] = facts.seeAll(addressed, 'uid', held.holder);
      const vni = nic && facts.see(networkNumber, { namespace: nic.namespace, name: nic.network });
      const address = nic?.ips.find((ip) => familyOfIp(ip) === familyOfIp(held.ip));
      if (nic === undefined || vni === undefined || address === undefined) return [];
      const seen = { virtualIp: held.uid, ip: held.ip, nic: held.holder, address };
      const rows: PlacedRow[] = [{ table: `virtual-ips.${vni}`, key: held.uid, row: virtualIpRow(seen, read.causes()) }];
      const host = facts.see(hostOfNic, nic);
      if (host === undefined) return rows;
      return [
        ...rows,
        { table: `virtual-ips.${PUBLIC_VNI}`, key: held.uid, row: publicVirtualIpRow({ ...seen, vni, host }, read.causes()) },
      ];
    });
  },
};
