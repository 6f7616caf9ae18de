/** What staged policies would refuse: what the kernels have counted beside what the evaluator says. */
import { type Packet, type Path, portDevice, routerScope } from '@weft/fabric';
import { until } from '../waiting.ts';
import type { Kernels } from './kernels.ts';

type Counted = Readonly<{ id: number; packet: Packet; path: Path }>;
/** `most`: more than `least` where packets were sent again. */
type Wanted = Readonly<{ least: number; most: number; one: Counted }>;

/** Texts of what differs, each with a packet that should have been counted, or just one that was sent. */
export async function countDifferences(
  kernels: Kernels,
  vnis: readonly number[],
  cases: readonly Counted[],
  before: ReadonlyMap<string, number>,
): Promise<readonly Readonly<{ one: Counted; text: string }>[]> {
  const wanted = wantedOf(cases, kernels.sends);
  let found = new Map<string, number>();
  const isEnough = async (): Promise<boolean> => {
    found = new Map([...(await kernels.counts(vnis))].map(([key, packets]) => [key, packets - (before.get(key) ?? 0)]));
    return [...wanted].every(([key, { least }]) => (found.get(key) ?? 0) >= least);
  };
  // What is dropped behind the count leaves no trace that could be waited for.
  await until('all that should be counted', isEnough, COUNTED_MS_MAX, 5).catch(() => {});
  const [any] = cases;
  return [...new Set([...found.keys(), ...wanted.keys()])].flatMap((key) => {
    const { least, most, one } = wanted.get(key) ?? { least: 0, most: 0, one: any };
    const packets = found.get(key) ?? 0;
    const isRight = least <= packets && packets <= most;
    return isRight || one === undefined ? [] : [{ one, text: `${key}: evaluator ${least} packets, kernels ${packets}` }];
  });
}

const COUNTED_MS_MAX = 5_000;

function wantedOf(cases: readonly Counted[], sends: ReadonlyMap<number, number>): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const one of cases) {
    for (const { at, host, vni, staged } of one.path.steps) {
      if (staged === undefined || vni === undefined) continue;
      const nic = at === 'policy egress' ? one.packet.from : one.path.outcome === 'delivered' ? one.path.to : undefined;
      const key = `${host} entry/${routerScope(vni)}/policy_staged_${at.slice('policy '.length)}/${portDevice(nic ?? '')}`;
      const { least = 0, most = 0 } = wanted.get(key) ?? {};
      wanted.set(key, { least: least + 1, most: most + (sends.get(one.id) ?? 1), one });
    }
  }
  return wanted;
}
