/**
 * Which parts of the address space the interfaces of a Network use, as a few blocks: two Networks that are peered are compared by these (provider R-26), at a cost
 * that grows neither with their interfaces nor with the other networks that there are.
 *
 * Blocks are single addresses as long as there are few. When there are more than `BLOCKS_MAX` of a family, all become four bits shorter, and so on. They stay so
 * until the last one has gone. One interface more or less changes one count.
 *
 *   network-blocks[<namespace>/<network> <family>]           the blocks
 *   network-blocks[<namespace>/<network> <family> <block>]   how many addresses and ranges of interfaces lie in one
 */
import {
  AnyNetworkInterface,
  bitsOf,
  changeOf,
  defineLedger,
  type Folded,
  familyOfIp,
  type IpFamily,
  type Ledger,
  type LedgerWriter,
  type LoopFacts,
  ledgerRef,
  maskedPrefix,
  type SeenNetworkInterface,
  specOf,
  statusOf,
} from '@weft/api';

/** Of one family in one Network. */
export const BLOCKS_MAX = 16;
const STEP = 4;
const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

type Blocks = Readonly<{ length: number; blocks: readonly string[] }>;
type AddressBlocks = Partial<Blocks> & Readonly<{ count?: number }>;
export const networkBlocks = ledgerRef<AddressBlocks>('network-blocks');

/** The blocks of a Network, as prefixes. `network`: `<namespace>/<name>`. */
export function blocksOf(network: string, facts: LoopFacts): readonly string[] {
  return FAMILIES.flatMap((family) => facts.record(networkBlocks, `${network} ${family}`)?.blocks ?? []);
}

type Nic = Folded<SeenNetworkInterface>;

export const networkBlocksLedger: Ledger = defineLedger(
  networkBlocks,
  (change, records) => {
    const { before, after } = changeOf(AnyNetworkInterface, change) ?? {};
    if (before === after || isSame(before, after)) return;
    const [was, is] = [usedBy(before), usedBy(after)];
    for (const used of is) if (!was.includes(used)) count(placeOf(after), used, 1, records);
    for (const used of was) if (!is.includes(used)) count(placeOf(before), used, -1, records);
  },
  [AnyNetworkInterface.kind],
);

/** Most changes of an interface leave its addresses where they are. An interface never changes its Network. */
function isSame(before: Nic | undefined, after: Nic | undefined): boolean {
  if (before === undefined || after === undefined || before.object.metadata.uid !== after.object.metadata.uid) return false;
  const [was, is] = [statusOf(before.object), statusOf(after.object)];
  return was.ips === is.ips && was.prefixes === is.prefixes;
}

/** Addresses and ranges, each with the Network, so that an interface of another one has nothing in common. */
function usedBy(nic: Nic | undefined): readonly string[] {
  if (nic === undefined) return [];
  const { ips = [], prefixes = [] } = statusOf(nic.object);
  return [...new Set([...ips, ...prefixes])].map((each) => `${placeOf(nic)} ${each}`);
}

function placeOf(nic: Nic | undefined): string {
  return nic === undefined ? '' : `${nic.key.namespace}/${specOf(nic.object).networkRef?.name ?? ''}`;
}

function count(network: string, used: string, by: 1 | -1, records: LedgerWriter<AddressBlocks>): void {
  const text = used.slice(network.length + 1);
  const family = familyOfIp(text);
  const at = `${network} ${family}`;
  const bits = bitsOf(family);
  const { length = bits, blocks = [] } = records.get(at) ?? {};
  const block = blockOf(text, length, family);
  const before = records.get(`${at} ${block}`)?.count ?? 0;
  if (before + by > 0) records.put(`${at} ${block}`, { count: before + by });
  else records.delete(`${at} ${block}`);
  if (before > 0 && before + by > 0) return;
  const next = by > 0 ? [...blocks, block] : blocks.filter((each) => each !== block);
  if (next.length === 0) records.delete(at);
  else records.put(at, next.length > BLOCKS_MAX ? shortened(at, { length, blocks: next }, family, records) : { length, blocks: next });
}

/** Fewer and larger blocks of the same. O(`BLOCKS_MAX`) for each step. */
function shortened(at: string, { length, blocks }: Blocks, family: IpFamily, records: LedgerWriter<AddressBlocks>): Blocks {
  const shorter = length - STEP;
  const counts = new Map<string, number>();
  for (const block of blocks) {
    const wider = blockOf(block, shorter, family);
    counts.set(wider, (counts.get(wider) ?? 0) + (records.get(`${at} ${block}`)?.count ?? 0));
    records.delete(`${at} ${block}`);
  }
  for (const [block, sum] of counts) records.put(`${at} ${block}`, { count: sum });
  const all = { length: shorter, blocks: [...counts.keys()] };
  return all.blocks.length > BLOCKS_MAX ? shortened(at, all, family, records) : all;
}

/** The block of this length that holds an address or range, in canonical text; a range that is no longer is a block itself. */
function blockOf(text: string, length: number, family: IpFamily): string {
  const slash = text.indexOf('/');
  if (slash < 0) return maskedPrefix({ address: text, length, family });
  return maskedPrefix({ address: text.slice(0, slash), length: Math.min(length, Number(text.slice(slash + 1))), family });
}
