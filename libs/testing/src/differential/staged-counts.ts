/** What staged policies would refuse: what the kernels have counted beside what the evaluator says. */
import { type Packet, type Path, portDevice, routerScope } from '@weft/fabric';
import { until } from '../waiting.ts';
import type { Kernels } from './kernels.ts';

type Counted = Readonly<{ id: number; packet: Packet; path: Path }>;
/** `most`: more than `least` where packets were sent again, and where answers go astray. */
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
  const add = (key: string, one: Counted, least: number): void => {
    const found = wanted.get(key);
    wanted.set(key, { least: (found?.least ?? 0) + least, most: (found?.most ?? 0) + (sends.get(one.id) ?? 1), one: found?.one ?? one });
  };
  for (const one of cases) {
    const { path, packet } = one;
    for (const { at, host, vni, staged } of path.steps) {
      if (staged === undefined || vni === undefined) continue;
      const nic = at === 'policy egress' ? packet.from : path.outcome === 'delivered' ? path.to : undefined;
      add(keyOf(host, vni, at.slice('policy '.length), nic), one, 1);
    }
    // Somebody else has the sender's address where the receiver is. That one's router knows of no flow that this would be an answer to.
    const { answer } = path;
    const [last] = answer?.steps.slice(-1) ?? [];
    if (answer?.ending.outcome === 'delivered' && !answer.isBack && last?.vni !== undefined)
      add(keyOf(last.host, last.vni, 'ingress', answer.ending.to), one, 0);
  }
  return wanted;
}

function keyOf(host: string, vni: number, direction: string, nic = ''): string {
  return `${host} entry/${routerScope(vni)}/policy_staged_${direction}/${portDevice(nic)}`;
}
