/**
 * Which parts of the address space the interfaces of a Network use, as a few blocks: two Networks that are peered are compared by these (provider R-26), at a cost
 * that grows neither with their interfaces nor with the other networks that there are.
 *
 * Blocks are single addresses as long as there are few. When there are more than `BLOCKS_MAX` of a family, all become four bits shorter, and so on. They stay so
 * until the last one has gone. One interface more or less changes one count.
 *
 * Nothing is counted in a Network that names no peering: most do not, and each interface would cost. With its first peering all its interfaces are, once.
 *
 *   network-blocks[<namespace>/<network>]                    it is counted
 *   network-blocks[<namespace>/<network> <family>]           the blocks, in order, so that they do not tell in which order interfaces were counted
 *   network-blocks[<namespace>/<network> <family> <block>]   how many addresses and ranges of interfaces lie in one
 */
import {
  AnyNetworkInterface,
  bitsOf,
  type Change,
  changeOf,
  defineLedger,
  type FactsView,
  type Folded,
  factsOf,
  familyOfIp,
  type IpFamily,
  type Ledger,
  type LedgerWriter,
  type LoopFacts,
  ledgerRef,
  maskedPrefix,
  nameText,
  type SeenNetworkInterface,
  specOf,
  statusOf,
} from '@weft/api';
import { Network, type NetworkTypes } from './network.types.ts';
import { peeringsOf } from './peering.facts.ts';

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
  (change, records, states) => {
    const network = changeOf(Network, change);
    if (network !== undefined) followPeerings(network, records, states);
    else if (!records.isEmpty) followInterface(change, records);
  },
  [Network.kind, AnyNetworkInterface.kind],
);

type Records = Pick<LedgerWriter<AddressBlocks>, 'get' | 'put' | 'delete'>;
type Peered = Readonly<{ before?: Folded<NetworkTypes>; after?: Folded<NetworkTypes> }>;

function followPeerings({ before, after }: Peered, records: Records, states: FactsView): void {
  const key = (after ?? before)?.key;
  if (key === undefined) return;
  const network = nameText(key);
  const isPeered = after !== undefined && peeringsOf(after.object).length > 0;
  const isCounted = records.get(network) !== undefined;
  if (isPeered && !isCounted) beginCounting(network, records, states);
  else if (!isPeered && isCounted) endCounting(network, records);
}

/** O(interfaces of the Network). They are counted aside first, so that as few records are written as stay. */
function beginCounting(network: string, records: Records, states: FactsView): void {
  const counted = new Map<string, AddressBlocks>([[network, {}]]);
  const aside: Records = {
    get: (key) => counted.get(key),
    put: (key, record) => void counted.set(key, record),
    delete: (key) => void counted.delete(key),
  };
  for (const nic of factsOf(states).by(AnyNetworkInterface, 'network', network))
    for (const used of usedBy(nic)) count(network, used, 1, aside);
  for (const [key, record] of counted) records.put(key, record);
}

function endCounting(network: string, records: Records): void {
  records.delete(network);
  for (const family of FAMILIES) {
    const at = `${network} ${family}`;
    for (const block of records.get(at)?.blocks ?? []) records.delete(`${at} ${block}`);
    records.delete(at);
  }
}

function followInterface(change: Change, records: Records): void {
  const { before, after } = changeOf(AnyNetworkInterface, change) ?? {};
  if (before === after || isSame(before, after)) return;
  const [was, is] = [usedBy(before), usedBy(after)];
  const isSameNetwork = placeOf(before) === placeOf(after);
  const [gone, came] = isSameNetwork ? [without(was, is), without(is, was)] : [was, is];
  for (const used of came) countIfPeered(placeOf(after), used, 1, records);
  for (const used of gone) countIfPeered(placeOf(before), used, -1, records);
}

const without = (all: readonly string[], others: readonly string[]) => all.filter((each) => !others.includes(each));

function countIfPeered(network: string, used: string, by: 1 | -1, records: Records): void {
  if (records.get(network) !== undefined) count(network, used, by, records);
}

/** Most changes of an interface leave its addresses where they are. */
function isSame(before: Nic | undefined, after: Nic | undefined): boolean {
  if (before === undefined || after === undefined || before.object.metadata.uid !== after.object.metadata.uid) return false;
  const [was, is] = [statusOf(before.object), statusOf(after.object)];
  return was.ips === is.ips && was.prefixes === is.prefixes;
}

/** Addresses and ranges. */
function usedBy(nic: Nic | undefined): readonly string[] {
  if (nic === undefined) return [];
  const { ips = [], prefixes = [] } = statusOf(nic.object);
  return [...new Set([...ips, ...prefixes])];
}

function placeOf(nic: Nic | undefined): string {
  return nic === undefined ? '' : `${nic.key.namespace}/${specOf(nic.object).networkRef?.name ?? ''}`;
}

function count(network: string, used: string, by: 1 | -1, records: Records): void {
  const family = familyOfIp(used);
  const at = `${network} ${family}`;
  const bits = bitsOf(family);
  const { length = bits, blocks = [] } = records.get(at) ?? {};
  const block = blockOf(used, length, family);
  const before = records.get(`${at} ${block}`)?.count ?? 0;
  if (before + by > 0) records.put(`${at} ${block}`, { count: before + by });
  else records.delete(`${at} ${block}`);
  if (before > 0 && before + by > 0) return;
  const next = by > 0 ? [...blocks, block].sort() : blocks.filter((each) => each !== block);
  if (next.length === 0) records.delete(at);
  else records.put(at, next.length > BLOCKS_MAX ? shortened(at, { length, blocks: next }, family, records) : { length, blocks: next });
}

/** Fewer and larger blocks of the same. O(`BLOCKS_MAX`) for each step. */
function shortened(at: string, { length, blocks }: Blocks, family: IpFamily, records: Records): Blocks {
  const shorter = length - STEP;
  const counts = new Map<string, number>();
  for (const block of blocks) {
    const wider = blockOf(block, shorter, family);
    counts.set(wider, (counts.get(wider) ?? 0) + (records.get(`${at} ${block}`)?.count ?? 0));
    records.delete(`${at} ${block}`);
  }
  for (const [block, sum] of counts) records.put(`${at} ${block}`, { count: sum });
  const all = { length: shorter, blocks: [...counts.keys()].sort() };
  return all.blocks.length > BLOCKS_MAX ? shortened(at, all, family, records) : all;
}

/** The block of this length that holds an address or range, in canonical text; a range that is no longer is a block itself. */
function blockOf(text: string, length: number, family: IpFamily): string {
  const slash = text.indexOf('/');
  if (slash < 0) return maskedPrefix({ address: text, length, family });
  return maskedPrefix({ address: text.slice(0, slash), length: Math.min(length, Number(text.slice(slash + 1))), family });
}
