import type { Figure, FigureFacts, Sample } from '@weft/api';
import { natRests, natShapes, natTables, natUsage } from './nat-slots.ledgers.ts';
import { slotsPerAddress } from './port-ranges.ts';

type Count = { capacity: number; occupied: number; resting: number; waiting: number };

/** By family. O(gateways, ranges that rest). */
function counts({ records }: FigureFacts): ReadonlyMap<string, Count> {
  const found = new Map<string, Count>(['IPv4', 'IPv6'].map((family) => [family, { capacity: 0, occupied: 0, resting: 0, waiting: 0 }]));
  const shapes = records(natShapes);
  const countOf = (gateway: string) => found.get(shapes.get(gateway)?.family ?? '');
  for (const [gateway, { addresses }] of records(natTables)) {
    const count = countOf(gateway);
    if (count !== undefined) count.capacity += addresses.length * slotsPerAddress(shapes.get(gateway)?.ports ?? 1);
  }
  for (const [gateway, { occupied, waiting }] of records(natUsage)) {
    const count = countOf(gateway);
    if (count === undefined) continue;
    for (const ip in occupied) count.occupied += occupied[ip] ?? 0;
    count.waiting += waiting;
  }
  for (const { gateway } of records(natRests).values()) {
    const count = countOf(gateway.uid);
    if (count !== undefined) count.resting += 1;
  }
  return found;
}

const byFamily = (name: string, help: string, value: (count: Count) => number): Figure => ({
  name,
  help,
  labels: ['family'],
  *read(facts): Iterable<Sample> {
    for (const [family, count] of counts(facts)) yield { labels: { family }, value: value(count) };
  },
});

export const natGatewayFigures: readonly Figure[] = [
  byFamily('weft_nat_slots_capacity', 'Port ranges of the addresses that NAT gateways have', ({ capacity }) => capacity),
  byFamily('weft_nat_slots_allocated', 'Port ranges that interfaces have, or that drain', ({ occupied, resting }) => occupied - resting),
  byFamily('weft_nat_slots_resting', 'Port ranges that were given back and rest', ({ resting }) => resting),
  byFamily('weft_nat_interfaces_without_slot', 'Interfaces for which no NAT gateway has a port range', ({ waiting }) => waiting),
];
