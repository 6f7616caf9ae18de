import { owedByLog, owedText } from '@weft/api';
import { weftDomains } from './weft-domains.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';

function lived(): World {
  const world = new World();
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  const agent = new WorldAgent(world, 'host-a', '192.0.2.1');
  agent.register();
  world.create({ apiVersion: NETWORKING, kind: 'Network', metadata: { name: 'net', namespace: 'ns' }, spec: {} });
  const spec = { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] };
  world.create({ apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { name: 'nic', namespace: 'ns' }, spec });
  const slots = [{ name: 'slot', networkInterfaceRef: { name: 'nic' } }];
  const machine = { machinePoolRef: { name: 'host-a' }, networkInterfaces: slots };
  world.create({ apiVersion: 'compute.ironcore.dev/v1alpha1', kind: 'Machine', metadata: { name: 'm', namespace: 'ns' }, spec: machine });
  agent.report();
  return world;
}

describe('A log at rest', () => {
  const { appends, now } = lived();

  it('owes nothing, nor does an empty one', () => {
    expect(owedText(owedByLog(weftDomains, appends))).toBe('');
    expect(owedText(owedByLog(weftDomains, appends, Date.parse(now) + 3_600_000))).toBe('');
    expect(owedByLog(weftDomains, [])).toEqual([]);
  });

  it('that is cut owes exactly what a control plane that starts there does', () => {
    const owing = new Set<string>();
    for (let end = 0; end < appends.length; end++) {
      const log = appends.slice(0, end);
      const owed = owedByLog(weftDomains, log);
      for (const { loop } of owed) owing.add(loop.name);
      const world = new World({ log });
      world.settle();
      expect(owedText(owedByLog(weftDomains, world.appends))).toBe('');
      // When nothing is owed, nothing is appended.
      expect(world.appends.length > end).toBe(owed.length > 0);
    }
    expect([...owing].sort()).toEqual([
      'accept-vni',
      'allocate-vni',
      'hold-networks',
      'programmed-interfaces',
      'report-machine-interfaces',
      'settle-interfaces',
    ]);
  });

  it('names the loop, the object and the command', () => {
    const cut = appends.findIndex(({ stream }) => stream.startsWith('VniPool-'));
    const text = owedText(owedByLog(weftDomains, appends.slice(0, cut)));
    expect(text).toContain('loop allocate-vni owes [{"target":"reservation","stream":"VniPool-.default"');
    expect(text).toContain('about ns/net');
  });
});
