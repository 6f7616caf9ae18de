import { randomUUID } from 'node:crypto';
import { keyOf } from '@weft/fabric';
import { createSimulatedDriver, SimulatedKernel } from './simulated.driver.ts';
import { describeDriverContract } from './testing/driver.contract.ts';

const identity = { host: 'a', index: 3, underlay: 'fd00:77::3' };
let kernel = new SimulatedKernel();

describeDriverContract('The simulated driver', {
  identity,
  open: async () => {
    kernel = new SimulatedKernel();
    return createSimulatedDriver({ identity, kernel });
  },
  reopen: async () => createSimulatedDriver({ identity, kernel }),
  close: async () => {},
  watch: async (action) => {
    const before = kernel.writes;
    await action();
    return Array.from({ length: kernel.writes - before }, () => 'a write');
  },
  damage: async (object) => {
    if (object.kind === 'route') kernel.lose(keyOf(object));
    else kernel.damage(keyOf(object));
    return true;
  },
  nic: () => randomUUID(),
  runs: 100,
});

describe('The simulated driver', () => {
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
