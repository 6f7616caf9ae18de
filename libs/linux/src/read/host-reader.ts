/** What of ours the host's own namespace holds: the underlay guard, and the device behind the underlay address. */
import type { GuardObject, HostIdentity } from '@weft/fabric';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { type BaseTable, guardOwner } from '../objects/base-tables.ts';
import { canonicalAddress, parseLabel } from '../objects/names.ts';
import type { Link, NftJson } from './dump.ts';
import { setElements, type TableShape, tableRepair, tableShape } from './table-shape.ts';

/** `foreign`: a table of that name that this host's agent did not make. */
export type GuardState = 'absent' | 'ok' | 'refill' | 'rebuild' | 'foreign';

export type HostRead = Readonly<{
  guard: GuardState;
  guards: readonly GuardObject[];
  /** Whose table it is, as far as it says. */
  owner: string;
  /** MTU of the device with the underlay address; undefined when no device has it. */
  underlayMtu: number | undefined;
}>;

export async function readHost(access: KernelAccess, identity: HostIdentity, table: BaseTable, shape: TableShape): Promise<HostRead> {
  const { output } = await access.shell(HOST, `exec 2>/dev/null; ip -j addr show; nft -j list table inet ${table.name}`);
  const lines = output.split('\n');
  const links = JSON.parse(lines.find((line) => line.startsWith('[')) ?? '[]') as readonly Link[];
  const listed = lines.find((line) => line.startsWith('{'));
  const underlay = canonicalAddress(identity.underlay);
  const device = links.find((link) => link.addr_info.some((each) => canonicalAddress(each.local) === underlay));
  const underlayMtu = device?.mtu;
  if (listed === undefined) return { guard: 'absent', guards: [], owner: '', underlayMtu };

  const listing = JSON.parse(listed) as NftJson;
  const owner = listing.nftables?.map((entry) => entry['counter']).find((counter) => counter?.['name'] === 'owner')?.['comment'];
  // Without any owner it is one of ours that somebody changed: nobody else has a table of that name.
  if (owner !== undefined && owner !== guardOwner(identity.index)) {
    return { guard: 'foreign', guards: [], owner: String(owner), underlayMtu };
  }
  const found = tableShape(listing);
  const guards = ['peers4', 'peers6'].flatMap((set) =>
    setElements(listing, set).map(({ key, comment }): GuardObject => {
      const address = canonicalAddress(key[0] ?? '') ?? '';
      return { kind: 'guard', underlay: address, position: parseLabel(comment)?.['pos'] ?? '' };
    }),
  );
  const { how, doomed } = tableRepair(found, shape, `inet ${table.name}`);
  // With something in it that has no place there it is made anew.
  const guard = how === 'none' ? 'ok' : doomed.length > 0 ? 'rebuild' : how;
  return { guard, guards, owner: guardOwner(identity.index), underlayMtu };
}
