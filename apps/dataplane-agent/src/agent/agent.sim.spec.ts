/** Random trouble: rows change while the bus loses messages, projectors and agents are killed and restarted, and someone meddles with the kernel. */
import { CONTEXTS } from '@weft/api';
import type { HostIdentity } from '@weft/fabric';
import { until } from '@weft/testing/waiting';
import { memoryHub, Rows, TestControlPlane, testAgent } from '../testing/fabric-bench.ts';
import { TestKernel, text } from '../testing/test-kernel.ts';
import type { Agent } from './agent.ts';

const a: HostIdentity = { host: 'a', index: 1, underlay: 'fd00::1' };
const uid = (n: number) => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-0000000000${n.toString().padStart(2, '0')}`;
const seeds = process.env['WEFT_SEED'] === undefined ? [1, 2, 3, 4, 5, 6] : [Number(process.env['WEFT_SEED'])];

describe('the agent in trouble', () => {
  it.each(seeds)('ends with the kernel of a full compile and all reports said (WEFT_SEED=%i)', async (seed) => {
    const random = generator(seed);
    const chance = (p: number) => random() < p;
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
    let calm = false;
    const hub = memoryHub({
      fault: () => {
        if (calm) return 1;
        if (chance(0.1)) return 0;
        if (chance(0.1)) return 2;
        return chance(0.2) ? { hold: (release) => void setTimeout(release, Math.floor(random() * 5)) } : 1;
      },
    });
    const rows = new Rows(hub);
    for (const [i, host] of ['a', 'b', 'c'].entries()) rows.host(host, i + 1);
    const kernel = new TestKernel();
    const controlPlane = new TestControlPlane(a);
    const agents: Agent[] = [];
    const startAgent = async (): Promise<void> => {
      const diesIn = chance(0.5) ? 1 + Math.floor(random() * 3) : undefined;
      const { agent } = testAgent(hub, a, (identity) => kernel.driver(identity, diesIn), { controlPlane });
      agents.push(agent);
      await agent.start();
    };
    rows.startAll();
    await startAgent();

    const nics = new Map<number, { host: string; vni: number }>();
    for (let step = 0; step < 150; step++) {
      const n = 1 + Math.floor(random() * 30);
      const nic = nics.get(n);
      if (nic !== undefined && chance(0.6)) {
        rows.nicEnds(uid(n), nic.host, nic.vni);
        nics.delete(n);
      } else if (nic === undefined) {
        const now = { host: pick(['a', 'b', 'c']), vni: pick([200, 201, 202]) };
        rows.nic(uid(n), now.host, now.vni, `10.0.0.${n}`);
        nics.set(n, now);
      }
      if (chance(0.02)) rows.host(pick(['b', 'c']), pick([2, 3, 4]), `fd00::${pick(['b', 'c', 'd'])}`);
      if (chance(0.03)) {
        const context = pick(CONTEXTS);
        await rows.stopProjector(context);
        rows.startProjector(context);
      }
      if (chance(0.03)) {
        hub.goDown();
        hub.comeUp();
      }
      if (chance(0.05) && kernel.objects.size > 0) kernel.kernel.lose(pick([...kernel.objects.keys()]));
      // An entry is there or not.
      const whole = [...kernel.objects.keys()].filter((key) => !key.startsWith('entry/'));
      if (chance(0.05) && whole.length > 0) kernel.kernel.damage(pick(whole));
      if (chance(0.04)) controlPlane.reachable = !controlPlane.reachable;
      if (chance(0.04)) {
        await agents.at(-1)?.stop();
        await startAgent();
      }
      await new Promise((resolve) => (chance(0.2) ? setTimeout(resolve, 3) : setImmediate(resolve)));
    }

    calm = true;
    controlPlane.reachable = true;
    await agents.at(-1)?.stop();
    const { agent } = testAgent(hub, a, (identity) => kernel.driver(identity), { controlPlane });
    agents.push(agent);
    await agent.start();
    try {
      await until('the kernel of a full compile', () => text(kernel.objects) === text(rows.expected(a)));
      await until('no problems', () => agent.problems().length === 0);
      const local = rows.tables.get('placements.a') ?? new Map();
      await until('reports of NICs', () => [...local].every(([nic, row]) => controlPlane.programmed.get(nic) === row.position));
      await until('reports of tables', () => (controlPlane.applied.get('placements.a') ?? 0n) >= lastOf(local));
    } finally {
      for (const each of agents) await each.stop();
      await rows.stopAll();
    }
  });
});

function lastOf(rows: ReadonlyMap<string, { position: string }>): bigint {
  return [...rows.values()].reduce((last, { position }) => (BigInt(position) > last ? BigInt(position) : last), 0n);
}

/** Lehmer's generator: the same numbers for the same seed. */
function generator(seed: number): () => number {
  let state = (seed * 7_919 + 17) % 2_147_483_647;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
