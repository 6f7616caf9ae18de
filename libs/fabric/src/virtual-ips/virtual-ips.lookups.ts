/** What is asked about rows of VirtualIPs. A row in the table of `PUBLIC_VNI` has more fields than it is read for here. */
import { AnyVirtualIp, nameText } from '@weft/api';
import type { Lookup } from '../rows/row-index.ts';
import { decodePublicVirtualIpRow, decodeVirtualIpRow } from '../rows/rows.codec.ts';
import type { PublicVirtualIpRow, VirtualIpRow } from '../rows/rows.ts';

const ROWS = 'rows of virtual IPs';
const under = (index: 'target' | 'address'): Lookup<VirtualIpRow>['origins'] =>
  function* ({ facts }, value) {
    for (const name of facts.keys(AnyVirtualIp, index, value)) yield { rows: ROWS, key: nameText(name) };
  };

/** By public address. */
export const virtualIpByAddress: Lookup<VirtualIpRow> = {
  name: 'VirtualIP by address',
  kind: 'virtual-ips',
  decode: decodeVirtualIpRow,
  valuesOf: ({ ip }) => [ip],
  origins: under('address'),
};

/** By public address, in the table of `PUBLIC_VNI`. */
export const publicVirtualIpByAddress: Lookup<PublicVirtualIpRow> = {
  ...virtualIpByAddress,
  name: 'public VirtualIP by address',
  decode: decodePublicVirtualIpRow,
};

/** By the uid of the interface that holds it. */
export const virtualIpsOfNic: Lookup<VirtualIpRow> = {
  ...virtualIpByAddress,
  name: 'VirtualIPs of an interface',
  valuesOf: ({ nic }) => [nic],
  origins: under('target'),
};
