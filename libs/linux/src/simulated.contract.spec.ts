import { randomUUID } from 'node:crypto';
import { type KernelObject, keyOf } from '@weft/fabric';
import { createSimulatedDriver, SimulatedKernel } from './simulated.driver.ts';
import { describeDriverContract } from './testing/driver.contract.ts';
import { describeEntriesContract } from './testing/entries.contract.ts';
import { entriesFeature } from './testing/entries.feature.ts';

const identity = { host: 'a', index: 3, underlay: 'fd00:77::3' };
let kernel = new SimulatedKernel();

const features = [entriesFeature];
const harness = {
  identity,
  open: async () => {
    kernel = new SimulatedKernel();
    return createSimulatedDriver({ identity, kernel, features });
  },
  reopen: async () => createSimulatedDriver({ identity, kernel, features }),
  close: async () => {},
  watch: async (action: () => Promise<void>) => {
    const before = kernel.writes;
    await action();
    return Array.from({ length: kernel.writes - before }, () => 'a write');
  },
  damage: async (object: KernelObject) => {
    if (object.kind === 'route') kernel.lose(keyOf(object));
    else kernel.damage(keyOf(object));
    return true;
  },
  nic: () => randomUUID(),
  runs: 100,
};
describeDriverContract('The simulated driver', harness);
describeEntriesContract('The simulated driver', harness);

describe('The simulated driver', () => {
  it('names each of very many that are refused', async () => {
    const entry = (n: number) =>
      ({ kind: 'entry', scope: 'r300', section: 'policy_nic4', key: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` }) as const;
    const put = Array.from({ length: 150_000 }, (_, n): KernelObject => ({ ...entry(n), value: '7', position: '1', owner: 'test' }));
    const { failed } = await createSimulatedDriver({ identity }).apply({ put, remove: [] });
    expect([failed.length, failed.every(({ what }) => what === 'missing-reference')]).toEqual([150_000, true]);
  });

  it('reports a refused write, keeps the half of it, and repairs it when it is let', async () => {
    const driver = createSimulatedDriver({ identity });
    const router = { kind: 'router', vni: 300, position: '1' } as const;
    const allow = driver.kernel.refuse('router/300', 'no memory');
    expect(await driver.apply({ put: [router], remove: [] })).toEqual({
      failed: [{ key: 'router/300', what: 'kernel', detail: 'no memory' }],
    });
    expect((await driver.read()).partial).toEqual(new Map([['router/300', 'no memory']]));
    allow();
    expect(await driver.apply({ put: [router], remove: [] })).toEqual({ failed: [] });
    expect([...(await driver.read()).objects.values()]).toEqual([router]);
  });
});
