/**
 * Balancers on the way of a packet. Inside its Network, and the peers of that, the router of the client chooses the target; on the public side the edge does
 * (linux-dataplane 4.7, 4.8). Both choose by the flow alone, so without a source port all targets are told, with their shares of the buckets.
 */
import { bitsOf, familyOfIp, holdsRange, parsePrefix, rangeOf } from '@weft/api';
import type { Ending, Header } from '../evaluate/packet.ts';
import { visibleFrom } from '../evaluate/visible.ts';
import type { FeatureSteps, Walk, Way } from '../evaluate/walk.ts';
import { peeringsOfNetwork } from '../peering/peering.lookups.ts';
import { type FoundRow, firstRow } from '../rows/row-index.ts';
import { peeringsTable } from '../rows/rows.codec.ts';
import { type BalancerRow, type PeeringRow, PUBLIC_VNI, type PublicTargetRow, type TargetRow } from '../rows/rows.ts';
import { type Backends, backendsOf } from './backends.ts';
import { balancersByAddress, publicTargetsOfBalancer, targetsOfBalancer } from './balancing.lookups.ts';
import { bucketOf, bucketOfAddresses, L4_PROTOCOLS } from './bucket-of-flow.ts';
import { targetOfBucket } from './bucket-table.ts';

/** So many targets of a balancer are told at most, those with the largest shares first: each is a way of its own, and all are followed in one go. */
const WAYS_MAX = 128;

export const balancingSteps: FeatureSteps = {
  name: 'balancers',
  redirect: (walk, { vni, host }) => {
    const found = balancerSeenFrom(walk, vni, host);
    if (found === undefined) return undefined;
    const { balancer, peering } = found;
    const targets = [...walk.rows.find(targetsOfBalancer, balancer.row.balancer, `targets.${balancer.row.vni}`)];
    return waysOf(walk, host, balancer, peering, targets, () => ({}));
  },
  receive: (walk, host) => {
    const balancer = firstRow(walk.rows, balancersByAddress, walk.header.dst, `balancers.${PUBLIC_VNI}`);
    if (balancer === undefined) return undefined;
    const targets = [...walk.rows.find(publicTargetsOfBalancer, balancer.row.balancer, `targets.${PUBLIC_VNI}`)];
    if (walk.header.protocol === 'ICMP') return answered(walk, host, balancer, targets);
    const placeOf = ({ vni, nic, host: at }: PublicTargetRow) => ({ place: { vni, nic, host: at } });
    return waysOf(walk, host, balancer, undefined, targets, placeOf);
  },
};

/** The host of a target answers for the balancer. */
function answered(
  walk: Walk,
  host: string,
  balancer: FoundRow<BalancerRow>,
  targets: readonly FoundRow<PublicTargetRow>[],
): readonly Way[] | Ending {
  const { header } = walk;
  const backends = backendsOfRows(targets, header);
  const chosen = backends && targetOfBucket(backends.table, bucketOfAddresses(header));
  const target = targets.find(({ row }) => row.target === chosen);
  if (target === undefined) return noTarget(walk, host, balancer, [balancer]);
  const { vni, nic, host: at } = target.row;
  const detail = `the host of ${target.row.name} answers for LoadBalancer ${balancer.row.namespace}/${balancer.row.name}`;
  const rows = [balancer, target];
  return [{ at: 'answer', share: 1, header, detail, rows, vni, place: { vni, nic, host: at }, ends: () => ({ outcome: 'answered' }) }];
}

type Seen = Readonly<{ balancer: FoundRow<BalancerRow>; peering?: FoundRow<PeeringRow> }>;

/** The balancer that an address leads to from a network: its own, or that of a peer which exposes it, unless an interface is nearer (provider R-26). */
function balancerSeenFrom(walk: Walk, vni: number, host: string): Seen | undefined {
  const { dst } = walk.header;
  const own = firstRow(walk.rows, balancersByAddress, dst, `balancers.${vni}`);
  if (own !== undefined) return { balancer: own };
  let best: (Seen & Readonly<{ length: number }>) | undefined;
  for (const peering of walk.rows.find(peeringsOfNetwork, '', peeringsTable(vni))) {
    const { vni: peer, prefixes } = peering.row;
    const length = prefixes === undefined ? 0 : exposedLength(prefixes, dst);
    if (length === undefined || walk.follows(host, peer) === undefined) continue;
    const balancer = firstRow(walk.rows, balancersByAddress, dst, `balancers.${peer}`);
    if (balancer === undefined) continue;
    const isBetter = best === undefined || length > best.length || (length === best.length && peer < best.balancer.row.vni);
    if (isBetter) best = { balancer, peering, length };
  }
  const nic = best && visibleFrom(walk.rows, vni, dst).used;
  const isNearer = nic?.vni === vni && nic.destination === `${dst}/${bitsOf(familyOfIp(dst))}`;
  return isNearer ? undefined : best;
}

function exposedLength(prefixes: readonly string[], address: string): number | undefined {
  const family = familyOfIp(address);
  const single = rangeOf({ address, length: bitsOf(family), family });
  const lengths = prefixes.flatMap((text) => {
    const range = parsePrefix(text);
    return range !== undefined && holdsRange(rangeOf(range), single) ? [range.length] : [];
  });
  return lengths.length === 0 ? undefined : Math.max(...lengths);
}

function waysOf<R extends TargetRow>(
  walk: Walk,
  host: string,
  balancer: FoundRow<BalancerRow>,
  peering: FoundRow<PeeringRow> | undefined,
  targets: readonly FoundRow<R>[],
  placeOf: (target: R) => Pick<Way, 'place'>,
): readonly Way[] | Ending {
  const { header } = walk;
  const { namespace, name } = balancer.row;
  const rows = [balancer, ...(peering === undefined ? [] : [peering])];
  const of = `LoadBalancer ${namespace}/${name}`;
  if (header.protocol === 'ICMP') {
    walk.step('answer', host, `${header.dst} is an address of ${of}, which answers itself`, rows);
    return { outcome: 'answered' };
  }
  if (!lets(balancer.row, header)) {
    return walk.drop('PortNotServed', host, `${of} does not let ${header.protocol} ${header.dstPort ?? '(no port)'} through`, rows);
  }
  const backends = backendsOfRows(targets, header);
  if (backends === undefined) return noTarget(walk, host, balancer, rows);
  const byTarget = new Map(targets.map((target) => [target.row.target, target]));
  const shares = [...sharesOf(backends, header)].sort(([, a], [, b]) => b - a);
  return shares.slice(0, WAYS_MAX).flatMap(([id, share]): readonly Way[] => {
    const target = byTarget.get(id);
    const address = backends.addressOf.get(id);
    if (target === undefined || address === undefined) return [];
    const detail = `${of} sends it to ${target.row.name} (${address})${share === 1 ? '' : `, as ${percent(share)} of all source ports`}`;
    return [
      {
        at: 'balancer',
        share,
        header: { ...header, dst: address },
        detail,
        rows: [...rows, target],
        vni: balancer.row.vni,
        ...placeOf(target.row),
      },
    ];
  });
}

function backendsOfRows(targets: readonly FoundRow<TargetRow>[], { dst }: Header): Backends | undefined {
  return backendsOf(
    targets.map(({ row }) => row),
    familyOfIp(dst),
  );
}

function noTarget(
  walk: Walk,
  host: string,
  { row: { namespace, name } }: FoundRow<BalancerRow>,
  rows: Parameters<Walk['drop']>[3],
): Ending {
  return walk.drop('NoTarget', host, `LoadBalancer ${namespace}/${name} has no target of ${familyOfIp(walk.header.dst)}`, rows);
}

function lets({ ports }: BalancerRow, { protocol, dstPort }: Header): boolean {
  if (!Object.hasOwn(L4_PROTOCOLS, protocol)) return false;
  if (ports.length === 0) return true;
  return ports.some((each) => each.protocol === protocol && dstPort !== undefined && each.first <= dstPort && dstPort <= each.last);
}

/** Which targets a flow may go to, and for which share of its source ports. */
function sharesOf({ table }: Backends, { protocol, src, srcPort, dst, dstPort }: Header): ReadonlyMap<string, number> {
  if ((protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP') && typeof srcPort === 'number' && dstPort !== undefined) {
    return new Map([[targetOfBucket(table, bucketOf({ protocol, src, srcPort, dst, dstPort })), 1]]);
  }
  const counts = new Map<number, number>();
  for (const owner of table.owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return new Map(
    [...counts].sort(([a], [b]) => a - b).map(([owner, count]) => [table.targets[owner] as string, count / table.owners.length]),
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
