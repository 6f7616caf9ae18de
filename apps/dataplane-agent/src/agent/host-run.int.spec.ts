import { CONTEXTS, systemClock } from '@weft/api';
import { createRowSubscriber } from '@weft/bus';
import { Compiler, type HostIdentity, keptOf } from '@weft/fabric';
import { until } from '@weft/testing/waiting';
import { memoryHub, quietLog, Rows, TestControlPlane } from '../testing/fabric-bench.ts';
import { TestKernel } from '../testing/test-kernel.ts';
import { HostRun } from './host-run.ts';

const a: HostIdentity = { host: 'a', index: 1, underlay: 'fd00::1' };

describe('What a host derives', () => {
  afterEach(() => jest.restoreAllMocks());

  it('is looked at once more with each heartbeat, but not while the log grows', async () => {
    const hub = memoryHub();
    const rows = new Rows(hub);
    rows.host('a', 1);
    rows.startAll();
    const run = new HostRun({
      identity: a,
      driver: new TestKernel().driver(a),
      subscriber: createRowSubscriber({ bus: hub.connect('agent'), contexts: CONTEXTS, log: quietLog, keep: keptOf }),
      controlPlane: new TestControlPlane(a),
      clock: { ...systemClock, monotonicMs: () => 0 }, // After some seconds there is a look all the same.
      random: () => 0,
      log: quietLog,
    });
    const looked = jest.spyOn(Compiler.prototype, 'auditSlice');
    await run.start();
    await until('all of the log', () => run.heartbeat().position === rows.position);
    for (let round = 0; round < 5; round++) {
      const position = rows.event([]);
      let before = 0;
      await until('it is behind what has happened', () => {
        before = looked.mock.calls.length;
        return run.heartbeat().position === position;
      });
      expect(looked.mock.calls.length).toBe(before);
      run.heartbeat();
      expect(looked.mock.calls.length).toBe(before + 1);
    }
    await run.stop();
    await rows.stopAll();
  });
});
