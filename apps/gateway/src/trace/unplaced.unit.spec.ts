/** A packet for an interface that no host has: its address is any other one to kernels, and the answer says so. */
import { createFold, factsOf, type JsonObject } from '@weft/api';
import { RowsOnDemand } from '@weft/fabric';
import type { World } from '@weft/testing';
import { twoHosts } from '../testing/two-hosts.ts';
import { answerOf } from './answer.ts';
import { toldTrace, traced } from './trace.ts';

const WHY = 'no host has the interface ns/away: no machine names it; name it in spec.networkInterfaces of a Machine';
const noEvents = async function* () {} as never;

/** `away`, which has an address of the network of `web` and `db`, and which no machine names. */
function withOneAway({ leaves }: { leaves: boolean }) {
  const { world, a, create } = twoHosts();
  const nic: JsonObject = { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.7.7' }] };
  create('NetworkInterface', 'away', nic);
  if (leaves) {
    world.patch({ kind: 'Host', name: 'a' }, { spec: { roles: ['Compute', 'Edge'] } });
    const apiVersion = 'fabric.weft.dev/v1alpha1';
    world.create({ apiVersion, kind: 'AddressPool', metadata: { name: 'public' }, spec: { prefixes: ['203.0.113.0/24'] } });
    create('NATGateway', 'way-out', { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' }, portsPerNetworkInterface: 64 });
  }
  a.report();
  return tracing(world);
}

function tracing(world: World) {
  const fold = createFold(world.registry);
  for (const append of world.appends) fold.apply(append);
  const rows = new RowsOnDemand(world.registry, fold);
  rows.settle();
  const facts = factsOf(fold);
  const asked = async (to: string, from = 'nic/ns/web') => {
    const request = { from, to };
    const log = { registry: world.registry, store: { readAll: noEvents } };
    const trace = await toldTrace(log, request, { ...traced(rows, facts, request), position: world.position });
    return { trace, answer: answerOf(request, rows, facts) };
  };
  return { asked };
}

it('A packet from the internet for a VirtualIP that leads nowhere is told whose address it is, and why', async () => {
  const { world, a, create } = twoHosts();
  world.patch({ kind: 'Host', name: 'a' }, { spec: { roles: ['Compute', 'Edge'] } });
  const apiVersion = 'fabric.weft.dev/v1alpha1';
  world.create({ apiVersion, kind: 'AddressPool', metadata: { name: 'public' }, spec: { prefixes: ['203.0.113.0/24'] } });
  for (const name of ['held', 'free']) create('VirtualIP', name, { type: 'Public', ipFamily: 'IPv4' });
  const virtualIP = { virtualIPRef: { name: 'held' } };
  create('NetworkInterface', 'away', { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.7.7' }], virtualIP });
  a.report();
  const { asked } = tracing(world);
  const said = async (name: string) => (await asked(`virtualip/ns/${name}:80`, 'internet:198.51.100.7')).trace.steps.at(-1)?.detail;
  expect(await said('held')).toMatch(new RegExp(`^203\\S+ leads nowhere: it is that of VirtualIP ns/held, ${WHY}$`));
  expect(await said('free')).toMatch(/^203\S+ leads nowhere: it is that of VirtualIP ns\/free, which no interface holds$/);
  expect((await asked('203.0.113.99:80', 'internet:198.51.100.7')).trace.steps.at(-1)?.detail).toBe(
    '203.0.113.99 is no public address of the fabric',
  );
});

describe('A packet for an interface that no host has', () => {
  it('leaves by the NAT gateway of its network, and has missed it', async () => {
    const { trace, answer } = await withOneAway({ leaves: true }).asked('nic/ns/away:80');
    expect([trace.verdict, trace.paths.map(({ outcome }) => outcome), trace.deliveredShare]).toEqual(['elsewhere', ['internet'], 0]);
    expect(trace.steps.map(({ detail }) => detail)).toContain(
      `${WHY}; so 10.0.7.7 is to routers like one that nothing has: it leaves for the public side`,
    );
    expect(answer).toEqual({ verdict: 'elsewhere', to: ['internet'] });
  });

  it('is delivered to the internet where its address is named, and says whose that is', async () => {
    const { trace, answer } = await withOneAway({ leaves: true }).asked('10.0.7.7:80');
    expect([trace.verdict, trace.deliveredShare, answer.verdict]).toEqual(['delivered', 1, 'delivered']);
    expect(trace.steps.map(({ detail }) => detail)).toContainEqual(expect.stringContaining(WHY));
  });

  it.each(['nic/ns/away:80', '10.0.7.7:80'])('is dropped without a gateway, and says whose address %s is', async (to) => {
    const { trace } = await withOneAway({ leaves: false }).asked(to);
    expect([trace.verdict, trace.reason]).toEqual(['dropped', 'NoRoute']);
    expect(trace.steps.at(-1)?.detail).toMatch(new RegExp(`^network \\d+ has no route to 10.0.7.7 here: ${WHY}$`));
  });
});
