import { CONTEXTS, systemClock } from '@weft/api';
import type { MemoryHubOptions } from '@weft/bus';
import {
  type Driver,
  type HostIdentity,
  type KernelObject,
  type KernelState,
  keyOf,
  type MemberRow,
  type PolicyRow,
  wholeTableOf,
} from '@weft/fabric';
import { until } from '@weft/testing/waiting';
import { HostLockedError } from '../host/host-lock.ts';
import { memoryHub, quietLog, Rows, TestControlPlane, testAgent } from '../testing/fabric-bench.ts';
import { TestKernel, text } from '../testing/test-kernel.ts';
import type { Agent, Former } from './agent.ts';

const HEARTBEAT_MS = 33;
const a: HostIdentity = { host: 'a', index: 1, underlay: 'fd00::1' };
const uid = (n: number) => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-0000000000${n.toString().padStart(2, '0')}`;

const running = new Set<Agent>();
const benches: Rows[] = [];
afterEach(async () => {
  for (const agent of running) await agent.stop();
  running.clear();
  for (const rows of benches.splice(0)) await rows.stopAll();
});

/** Three hosts; a NIC of network 200 on each, and one of 201 on a and b. */
function given(options: MemoryHubOptions = {}) {
  const hub = memoryHub(options);
  const rows = new Rows(hub);
  benches.push(rows);
  rows.host('a', 1);
  rows.host('b', 2);
  rows.host('c', 3);
  rows.nic(uid(1), 'a', 200, '10.0.0.1');
  rows.nic(uid(2), 'b', 200, '10.0.0.2');
  rows.nic(uid(3), 'c', 200, '10.0.0.3');
  rows.nic(uid(4), 'a', 201, '10.0.0.1');
  rows.nic(uid(5), 'b', 201, '10.0.0.2');
  const kernel = new TestKernel();
  const start = async (controlPlane = new TestControlPlane(a)) => {
    const made = testAgent(hub, a, (identity) => kernel.driver(identity), {
      controlPlane,
      underlayLink: async () => kernel.kernel.underlay,
    });
    running.add(made.agent);
    await made.agent.start();
    return made;
  };
  const converged = (isUp?: Parameters<Rows['expected']>[1]) => text(kernel.objects) === text(rows.expected(a, isUp));
  /** But for what policies make, of which not all rows have arrived. */
  const convergedApart = (isUp?: Parameters<Rows['expected']>[1]) => {
    const apart = (objects: KernelState) => new Map([...objects].filter(([key]) => wholeTableOf(key) === undefined));
    return text(apart(kernel.objects)) === text(apart(rows.expected(a, isUp)));
  };
  return { hub, rows, kernel, start, converged, convergedApart };
}

describe('the agent', () => {
  it('brings the kernel to what a full compile of the rows gives, and keeps it there', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    const { agent, controlPlane } = await start();
    await until('first convergence', converged);
    expect([...kernel.objects.values()].filter(({ kind }) => kind !== 'entry').length).toBe(2 + 3 + 2 + 3 + 2);
    rows.nic(uid(6), 'c', 201, '10.0.0.6');
    rows.nicEnds(uid(2), 'b', 200);
    rows.nic(uid(7), 'a', 202, '10.0.0.7');
    rows.nicEnds(uid(1), 'a', 200);
    rows.host('b', 2, 'fd00::22');
    await until('second convergence', converged);
    await until('all NICs reported', () => controlPlane.programmed.has(uid(7)) && controlPlane.programmed.has(uid(4)));
    await until('tables reported', () => controlPlane.applied.get('hosts') === rows.position);
    await until('nothing to complain about', () => agent.problems().length === 0);
    expect(controlPlane.beats).toBeGreaterThan(0);
  });

  it('follows the endpoints of a network that its host imports, and leaves them with the import', async () => {
    const { rows, start, converged } = given();
    const imported = (vni: number, is: boolean) =>
      rows.event([['imports.a', `${vni}`, is ? { vni, position: `${rows.position + 1n}`, because: [] } : undefined]]);
    rows.nic(uid(6), 'b', 300, '10.3.0.1');
    rows.startAll();
    const { controlPlane } = await start();
    imported(300, true);
    await until('reported', () => controlPlane.applied.has('endpoints.300'));
    const moved = rows.nic(uid(7), 'c', 300, '10.3.0.2');
    await until('reported again', () => controlPlane.applied.get('endpoints.300') === moved);
    // The kernel forwards between networks later: until then it gets nothing of them.
    expect(converged()).toBe(true);
    const gone = imported(300, false);
    await until('left', () => controlPlane.applied.get('imports.a') === gone);
    rows.nic(uid(8), 'c', 300, '10.3.0.3');
    const last = rows.nic(uid(9), 'c', 201, '10.0.0.9');
    await until('the next report', () => controlPlane.applied.get('endpoints.201') === last);
    expect(controlPlane.applied.get('endpoints.300')).toBe(moved);
  });

  it('has the whole of a network that it imports and that gets an interface here, and goes on with the import when that leaves', async () => {
    const { rows, kernel, start, converged } = given();
    rows.nic(uid(6), 'b', 300, '10.3.0.1');
    rows.event([['imports.a', '300', { vni: 300, position: `${rows.position + 1n}`, because: [] }]]);
    rows.startAll();
    const { controlPlane } = await start();
    await until('reported', () => controlPlane.applied.has('endpoints.300'));
    rows.nic(uid(7), 'a', 300, '10.3.0.2');
    await until('here', () => converged() && kernel.objects.has('route/300/10.3.0.1'));
    rows.nicEnds(uid(7), 'a', 300);
    await until('gone', () => converged() && !kernel.objects.has('route/300/10.3.0.1'));
    const moved = rows.nic(uid(8), 'b', 300, '10.3.0.3');
    await until('still followed', () => controlPlane.applied.get('endpoints.300') === moved);
    expect(converged()).toBe(true);
  });

  it('follows what is public while its host has an uplink, and the balancers of its networks always', async () => {
    const { rows, start, converged } = given();
    const balancer = (vni: number, name: string) => {
      const row = { balancer: name, namespace: 'd', name, vni: 201, scheme: 'Public', ips: ['203.0.113.1'], ports: [] } as const;
      return rows.event([[`balancers.${vni}`, name, { ...row, position: `${rows.position + 1n}`, because: [] }]]);
    };
    balancer(1, 'web');
    rows.startAll();
    const { controlPlane } = await start();
    const own = balancer(201, 'web');
    await until('the balancers of a network that is here', () => controlPlane.applied.get('balancers.201') === own);
    expect(controlPlane.applied.has('balancers.1')).toBe(false);
    const edge = (is: boolean) =>
      rows.event([['edges', 'a', is ? { host: 'a', position: `${rows.position + 1n}`, because: [] } : undefined]]);
    edge(true);
    await until('what is public', () => controlPlane.applied.has('balancers.1'));
    const moved = balancer(1, 'web');
    await until('what becomes of it', () => controlPlane.applied.get('balancers.1') === moved);
    edge(false);
    balancer(1, 'db');
    const last = balancer(201, 'db');
    await until('the next report', () => controlPlane.applied.get('balancers.201') === last);
    expect(controlPlane.applied.get('balancers.1')).toBe(moved);
    await until('convergence', converged);
  });

  it('writes nothing to an unchanged kernel when it is started again', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    const first = await start();
    await until('convergence', converged);
    await first.agent.stop();
    kernel.applies = 0;
    const second = await start();
    await until('all NICs reported', () => second.controlPlane.programmed.size === 2);
    await until('tables reported', () => second.controlPlane.applied.has('hosts'));
    expect(kernel.applies).toBe(0);
    expect(converged()).toBe(true);
  });

  it('finds its way after a death in the middle of an apply', async () => {
    const { hub, rows, kernel, start, converged } = given();
    rows.startAll();
    const driver = kernel.driver(a, 1);
    const first = testAgent(hub, a, () => driver);
    running.add(first.agent);
    await first.agent.start();
    await driver.died;
    expect(kernel.objects.size).toBeGreaterThan(0);
    expect(converged()).toBe(false);
    rows.nicEnds(uid(3), 'c', 200);
    const second = await start();
    await until('convergence', converged);
    await until('all NICs reported', () => second.controlPlane.programmed.size === 2);
    expect(first.controlPlane.programmed.size).toBe(0);
  });

  it('removes nothing before all its tables are complete', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    const first = await start();
    await until('convergence', converged);
    await first.agent.stop();
    const before = text(kernel.objects);
    const endpoints = rows.tables.get('endpoints.201')!;
    rows.nicEnds(uid(2), 'b', 200);
    await rows.stopProjector('network');
    const second = await start();
    await until('heartbeats', () => second.controlPlane.beats > 5);
    expect(text(kernel.objects)).toBe(before);
    expect(second.agent.problems().join()).toContain('waiting for complete rows');
    rows.startProjector('network');
    await until('convergence', converged);
    expect(endpoints.size).toBe(2);
    expect(kernel.writes.at(-1)).toBe('-route/200/10.0.0.2');
  });

  it('says of no table that it is applied before it has removed what a former run left in a network of which no row comes any more', async () => {
    const { hub, rows, kernel, start, converged } = given();
    rows.startAll();
    const first = await start();
    await until('convergence', converged);
    await first.agent.stop();
    const left = rows.nicEnds(uid(4), 'a', 201);
    const driver = kernel.driver(a);
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const begun: string[] = [];
    const slow: Driver = {
      ...driver,
      apply: async (change) => {
        begun.push(...change.remove.map(keyOf));
        await opened;
        return driver.apply(change);
      },
    };
    const { agent, controlPlane } = testAgent(hub, a, () => slow);
    running.add(agent);
    await agent.start();
    await until('the removal of the network is begun', () => begun.includes('router/201'));
    const { beats } = controlPlane;
    await until('heartbeats', () => controlPlane.beats > beats + 5);
    expect(kernel.objects.has('router/201')).toBe(true);
    expect([...controlPlane.applied]).toEqual([]);
    open();
    await until('reported', () => controlPlane.applied.get('placements.a') === left);
    expect(kernel.objects.has('router/201')).toBe(false);
    await until('convergence', converged);
  });

  it('keeps a link down while one projector is silent, and programs everything else', async () => {
    const { rows, kernel, start, converged, convergedApart } = given();
    for (const context of CONTEXTS) if (context !== 'lb') rows.startProjector(context);
    const { agent, controlPlane } = await start();
    await until('all but links', () => convergedApart(() => false));
    await until('what is missing', () => agent.problems().includes('no gapless rows from lb: new links stay down'));
    expect(controlPlane.programmed.size).toBe(0);
    rows.startProjector('lb');
    await until('links', converged);
    await until('reports', () => controlPlane.programmed.size === 2);
    // A placement that lb has not read yet.
    await rows.stopProjector('lb');
    const placedAt = rows.nic(uid(8), 'a', 200, '10.0.0.8');
    await until('port', () => kernel.objects.has(`port/${uid(8)}`));
    await until('all but that link', () => converged((row) => row.nic !== uid(8)));
    expect(controlPlane.programmed.has(uid(8))).toBe(false);
    rows.startProjector('lb');
    await until('its link', converged);
    await until('its report', () => BigInt(controlPlane.programmed.get(uid(8)) ?? 0) >= placedAt);
  });

  it('packet P-96: keeps a link down until it has the policies of its network, as they were when the interface was placed', async () => {
    let lost = true;
    const isLost = (subject: string) => lost && subject.includes('policies');
    const { rows, kernel, start, converged, convergedApart } = given({ fault: ({ subject }) => (isLost(subject) ? 0 : 1) });
    rows.member(uid(1), 200, 'NetworkInterface app=db');
    rows.startAll();
    const { agent, controlPlane } = await start();
    await until('all but links', () => convergedApart(() => false));
    expect([...kernel.objects.keys()].filter((key) => wholeTableOf(key) !== undefined)).toEqual([]);
    await until('what is missing', () => agent.problems().includes('no gapless rows from policy: new links stay down'));
    expect(controlPlane.programmed.size).toBe(0);
    lost = false;
    await until('links', converged);
    await until('reports', () => controlPlane.programmed.size === 2);
    // The row that regulates the next one is lost; its placement is not.
    lost = true;
    rows.member(uid(8), 200, 'NetworkInterface app=db');
    rows.nic(uid(8), 'a', 200, '10.0.0.8');
    await until('port', () => kernel.objects.has(`port/${uid(8)}`));
    await until('all but that link', () => convergedApart((row) => row.nic !== uid(8)));
    expect(controlPlane.programmed.has(uid(8))).toBe(false);
    lost = false;
    await until('its link', converged);
  });

  it('Appendix A 8: applies what one change of the rows of policies makes as one, however many they are', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    await start();
    await until('links', converged);
    const before = kernel.batches.length;
    const members = Array.from({ length: 500 }, (_, i): [string, string, MemberRow] => {
      const prefixes = [`10.9.${i >> 8}.${i & 255}/32`];
      return ['policies.200', `member/${uid(100 + i)}`, rows.memberRow(uid(100 + i), { prefixes, groups: ['web'] })];
    });
    const policy: PolicyRow = {
      ...{ policy: uid(1), namespace: 'ns', name: 'p', target: 'db', isolates: ['ingress'], egress: [] },
      ...{ ingress: [{ peers: [{ group: 'web' }], ports: 'any' }], position: `${rows.position + 1n}`, because: [] },
    };
    rows.event([
      ['policies.200', `member/${uid(1)}`, rows.memberRow(uid(1), { prefixes: ['10.0.0.1/32'], targets: ['db'] })],
      ...members,
      ['policies.200', `policy/${uid(1)}`, policy],
    ]);
    await until('all of it', converged);
    const batches = kernel.batches.slice(before).filter((keys) => keys.some((key) => wholeTableOf(key) !== undefined));
    expect(batches.map((keys) => keys.length)).toEqual([502]); // 500 addresses, a pair, and the class of a port.
  });

  it('confirms rows of policies, also those that change no kernel object', async () => {
    const { rows, start, converged } = given();
    rows.startAll();
    const { controlPlane } = await start();
    await until('links', converged);
    const at = rows.member(uid(1), 200);
    await until('its report', () => controlPlane.applied.get('policies.200') === at);
    expect(converged()).toBe(true);
  });

  it('leaves links up when it is started again while a projector is silent', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    const first = await start();
    await until('convergence', converged);
    await first.agent.stop();
    kernel.applies = 0;
    await rows.stopProjector('policy');
    const second = await start();
    await until('reports', () => second.controlPlane.programmed.size === 2);
    expect(kernel.applies).toBe(0);
  });

  it('takes links down that were up by the word of another log, until all projectors are heard', async () => {
    const { hub, rows, kernel, start, converged } = given();
    rows.startAll();
    const first = await start();
    await until('convergence', converged);
    await first.agent.stop();
    await rows.stopProjector('policy');
    const former = { load: async () => ({ identity: a, storeId: 'store-0' }), save: async () => {} };
    const { agent } = testAgent(hub, a, (identity) => kernel.driver(identity), { former });
    running.add(agent);
    await agent.start();
    await until('links are down', () => converged(() => false));
    rows.startProjector('policy');
    await until('links are up', converged);
  });

  it('goes on when the projector starts anew, with the same rows and with others', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    await start();
    await until('convergence', converged);
    const { applies } = kernel;
    await rows.stopProjector('network');
    rows.startProjector('network');
    rows.nic(uid(6), 'b', 200, '10.0.0.6');
    await until('convergence', converged);
    expect(kernel.applies).toBe(applies + 1);
    await rows.stopProjector('network');
    rows.nicEnds(uid(6), 'b', 200);
    rows.nic(uid(7), 'b', 200, '10.0.0.7');
    rows.startProjector('network');
    await until('convergence', converged);
  });

  it('keeps forwarding while the control plane and the bus are away, and says afterwards what happened', async () => {
    const { hub, rows, kernel, start, converged } = given();
    rows.startAll();
    const { agent, controlPlane } = await start();
    await until('convergence', converged);
    controlPlane.reachable = false;
    rows.nic(uid(6), 'a', 200, '10.0.0.6');
    await until('its port', converged);
    await rows.stopAll();
    hub.goDown();
    const before = text(kernel.objects);
    const { applies } = kernel;
    for (const n of [10, 11]) rows.nic(uid(n), 'a', 200, `10.0.0.${n}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
    hub.comeUp();
    expect(text(kernel.objects)).toBe(before);
    expect(kernel.applies).toBe(applies);
    rows.startAll();
    await until('convergence', converged);
    expect(controlPlane.programmed.has(uid(6))).toBe(false);
    controlPlane.reachable = true;
    await until('reports', () => [6, 10, 11].every((n) => controlPlane.programmed.has(uid(n))));
    await until('tables', () => controlPlane.applied.get('endpoints.200') === rows.position);
    await until('nothing to complain about', () => agent.problems().length === 0);
  });

  it('repairs what was deleted by hand, and reports what was there before and after', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    const { controlPlane } = await start();
    await until('convergence', converged);
    kernel.kernel.lose('route/200/10.0.0.2');
    kernel.kernel.damage('router/201');
    kernel.kernel.put({ kind: 'guard', underlay: 'fd00::99', position: '5' });
    expect(converged()).toBe(false);
    await until('repair', converged);
    const drifts = () => controlPlane.reports.flatMap(({ drift }) => drift ?? []);
    await until('the report', () => drifts().length > 0);
    expect(drifts().map(({ count }) => count)).toEqual([3]);
    expect(drifts().flatMap(({ entries }) => entries)).toEqual(
      expect.arrayContaining([
        { key: 'route/200/10.0.0.2', before: 'host 2', after: 'absent' },
        { key: 'router/201', before: 'there', after: 'damaged by the test' },
        { key: 'guard/fd00::99', before: 'absent', after: 'there' },
      ]),
    );
  });

  it('tells of what others follow from, however much follows, and what differs of an object that is there', async () => {
    const { rows, kernel, start, converged } = given();
    for (let n = 10; n < 20; n++) rows.nic(uid(n), 'b', 200, `10.0.0.${n}`);
    rows.startAll();
    const { controlPlane } = await start();
    await until('convergence', converged);
    for (const key of [...kernel.objects.keys()]) if (/^(route|peer)\/200\//.test(key)) kernel.kernel.lose(key);
    kernel.kernel.damage('router/200', 'its tunnel is down');
    kernel.kernel.put({ ...kernel.objects.get('router/201')!, mtu: 1_300 } as KernelObject);
    await until('repair', converged);
    const drifts = () => controlPlane.reports.flatMap(({ drift }) => drift ?? []);
    await until('the report', () => drifts().length > 0);
    expect(drifts().map(({ count }) => count)).toEqual([16]);
    expect(drifts()[0]?.entries).toEqual([
      { key: 'router/200', before: 'there', after: 'its tunnel is down' },
      { key: 'router/201', before: 'vx mtu as the underlay leaves it', after: 'vx mtu 1300' },
      expect.objectContaining({ key: expect.stringMatching(/^peer/), after: 'absent' }),
      expect.objectContaining({ key: expect.stringMatching(/^peer/), after: 'absent' }),
      expect.objectContaining({ key: expect.stringMatching(/^route/), after: 'absent' }),
    ]);
  });

  it('says what the kernel refuses, goes on with the rest, and does not confirm that table', async () => {
    const { rows, kernel, start, converged } = given();
    const allow = kernel.kernel.refuse('route/200/10.0.0.2');
    rows.startAll();
    const { agent, controlPlane } = await start();
    await until('the rest', () => kernel.objects.size === rows.expected(a).size - 1);
    await until('fault', () => controlPlane.reports.some(({ faults }) => faults[0]?.key === 'route/200/10.0.0.2'));
    await until('the agent to work for everything else', () => agent.problems().length === 0);
    await until('other tables', () => controlPlane.applied.has('endpoints.201'));
    expect(controlPlane.applied.has('endpoints.200')).toBe(false);
    allow();
    await until('convergence', converged);
    await until('confirmation', () => controlPlane.applied.has('endpoints.200'));
    await until('all clear', () => controlPlane.reports.at(-1)?.faults.length === 0);
  });

  it('says what the kernel refuses, and not all that cannot be without it', async () => {
    const { rows, kernel, start, converged } = given();
    const allow = kernel.kernel.refuse('router/200');
    rows.startAll();
    const { controlPlane } = await start();
    await until(
      'the fault, and none but it',
      () =>
        controlPlane.reports
          .at(-1)
          ?.faults.map(({ key }) => key)
          .join() === 'router/200',
    );
    allow();
    await until('convergence', converged);
    await until('all clear', () => controlPlane.reports.at(-1)?.faults.length === 0);
  });

  it('says why it is not registered, and goes on trying', async () => {
    const { rows, start, converged } = given();
    rows.startAll();
    const controlPlane = new TestControlPlane(a);
    const { answer } = controlPlane;
    controlPlane.answer = { outcome: 'refused', why: 'host a is held by an agent that lives' };
    const { agent } = await start(controlPlane);
    await until('refusal', () => agent.refusal !== undefined);
    expect(agent.problems()).toEqual(['registration of host a is refused: host a is held by an agent that lives']);
    expect(controlPlane.beats).toBe(0);
    controlPlane.answer = answer;
    await until('convergence', converged);
    expect(agent.refusal).toBeUndefined();
  });

  it('stops at once while nobody answers its registration', async () => {
    const { start } = given();
    const controlPlane = new TestControlPlane(a);
    controlPlane.register = () => new Promise(() => {});
    const { agent } = await start(controlPlane);
    await agent.stop();
    expect(agent.problems()).toEqual(['stopped']);
  });

  it('stops at once while its kernel cannot be read', async () => {
    const { hub, kernel } = given();
    const openDriver = (identity: HostIdentity) => ({
      ...kernel.driver(identity),
      read: () => Promise.reject(new Error('not permitted')),
    });
    const { agent } = testAgent(hub, a, openDriver, { controlPlane: new TestControlPlane(a) });
    running.add(agent);
    await agent.start();
    await until('it says so', () => agent.problems().join().includes('cannot be read: not permitted'));
    await agent.stop();
  });

  it('registers again when its record is gone, and gives up what its old number held', async () => {
    const { rows, kernel, hub } = given();
    rows.startAll();
    const controlPlane = new TestControlPlane(a);
    const kernels = new Map([
      [1, kernel],
      [9, new TestKernel()],
    ]);
    const { agent } = testAgent(hub, a, (identity) => kernels.get(identity.index)!.driver(identity), { controlPlane });
    running.add(agent);
    await agent.start();
    await until('work under number 1', () => kernel.objects.size === rows.expected(a).size);
    controlPlane.answer = { outcome: 'registered', identity: { ...a, index: 9 }, storeId: 'store-1' };
    rows.event([['hosts', 'a', undefined]]);
    await until('another registration', () => controlPlane.registrations === 2);
    rows.host('a', 9, a.underlay);
    const now = kernels.get(9)!;
    await until('work under number 9', () => text(now.objects) === text(rows.expected({ ...a, index: 9 })));
    await until('nothing under number 1', () => kernel.objects.size === 0);
  });

  /** Its Host got number 9 after it had worked as number 1, of which `former` tells. */
  async function givenAnotherNumber() {
    const { rows, kernel, hub, start, converged } = given();
    rows.startAll();
    const first = await start();
    await until('work under number 1', converged);
    await first.agent.stop();
    rows.host('a', 9, a.underlay);
    const now = new TestKernel();
    let former: Former | undefined = { identity: a, storeId: 'store-1' };
    const store = { load: async () => former, save: async (saved: Former) => void (former = saved) };
    const kernelOf = (identity: HostIdentity) => (identity.index === 1 ? kernel : now).driver(identity);
    const startAgain = async (openDriver = kernelOf) => {
      const made = testAgent(hub, { ...a, index: 9 }, openDriver, { former: store });
      running.add(made.agent);
      await made.agent.start();
      return made;
    };
    const works = () => text(now.objects) === text(rows.expected({ ...a, index: 9 }));
    return { rows, kernel, now, kernelOf, startAgain, works, former: () => former };
  }

  it('writes nothing under another number before all is gone that it left under the former one, also what is there in part', async () => {
    const { kernel, now, startAgain, works, former } = await givenAnotherNumber();
    kernel.kernel.damage('router/200');
    const leftAtApply: number[] = [];
    await startAgain((identity) => {
      if (identity.index === 1) return kernel.driver(identity);
      const driver = now.driver(identity);
      const apply: Driver['apply'] = (change) => {
        leftAtApply.push(kernel.objects.size + kernel.kernel.inventory.suspects.size);
        return driver.apply(change);
      };
      return { ...driver, apply };
    });
    await until('work under number 9', works);
    expect([...new Set(leftAtApply)]).toEqual([0]);
    expect(former()).toEqual({ identity: { ...a, index: 9 }, storeId: 'store-1' });
  });

  it('works when it cannot remove what it left under a former number, and tries that again, also after a restart', async () => {
    const { kernel, now, startAgain, works, former } = await givenAnotherNumber();
    const mend = kernel.kernel.refuse('port/' + uid(1), 'device busy');
    const { agent } = await startAgain();
    await until('work under number 9', works);
    await agent.stop();
    expect(former()?.earlier?.map(({ index }) => index)).toEqual([1]);
    await startAgain();
    await until('a try', () => kernel.writes.filter((write) => write === `-port/${uid(1)}`).length > 2);
    mend();
    await until('all is gone', () => kernel.objects.size === 0 && former()?.earlier === undefined);
    expect(works()).toBe(true);
    expect(now.objects.size).toBeGreaterThan(0);
  });

  it('forgets a former number under which another agent works by now, also once that one rests', async () => {
    const { kernel, kernelOf, startAgain, works, former } = await givenAnotherNumber();
    const theirs = text(kernel.objects);
    const opened: number[] = [];
    await startAgain((identity) => {
      opened.push(identity.index);
      if (identity.index === 1 && opened.filter((index) => index === 1).length === 1) throw new HostLockedError('index 1 is held');
      return kernelOf(identity);
    });
    await until('work under number 9, and nothing else to be done', () => works() && former()?.earlier === undefined);
    expect(opened).toEqual([9, 1]);
    expect(text(kernel.objects)).toBe(theirs);
  });

  it('removes nothing under a number that it could not work under', async () => {
    const { rows, kernel, hub } = given();
    rows.startAll();
    const controlPlane = new TestControlPlane(a);
    const [theirs, now] = [new TestKernel(), kernel];
    const opened: number[] = [];
    const openDriver = (identity: HostIdentity) => {
      opened.push(identity.index);
      if (identity.index === 1 && opened.length < 3) throw new Error('another agent works under number 1');
      return (identity.index === 1 ? theirs : now).driver(identity);
    };
    const { agent } = testAgent(hub, a, openDriver, { controlPlane });
    running.add(agent);
    // Its Host is deleted meanwhile, and has another number when it registers again.
    controlPlane.register = async () => ({
      outcome: 'registered',
      identity: { ...a, index: opened.length === 0 ? 1 : 9 },
      storeId: 'store-1',
    });
    rows.host('a', 9, a.underlay);
    await agent.start();
    await until(
      'work under number 9',
      () => agent.problems().length === 0 && text(now.objects) === text(rows.expected({ ...a, index: 9 })),
    );
    expect(opened).toEqual([1, 1, 1, 9]);
  });

  it('works on when it cannot remember under which number', async () => {
    const { hub, rows, kernel, converged } = given();
    rows.startAll();
    const save = () => Promise.reject(new Error('no space left on device'));
    const { agent } = testAgent(hub, a, (identity) => kernel.driver(identity), { former: { load: async () => undefined, save } });
    running.add(agent);
    await agent.start();
    await until('convergence', converged);
  });

  it('says once why its driver cannot be opened, and tries again at growing pauses until it can', async () => {
    const { hub, rows, kernel, converged } = given();
    rows.startAll();
    const [pauses, said]: [number[], string[]] = [[], []];
    let obstacle: string | undefined = 'number 1 is taken';
    const openDriver = (identity: HostIdentity) => {
      if (obstacle !== undefined) throw new Error(obstacle);
      return kernel.driver(identity);
    };
    const { agent, controlPlane } = testAgent(hub, a, openDriver, {
      clock: {
        ...systemClock,
        after(ms, run) {
          if (ms !== HEARTBEAT_MS) pauses.push(ms);
          return systemClock.after(ms, run);
        },
      },
      log: { ...quietLog, error: (_, message) => said.push(message) },
      timing: { heartbeatMs: HEARTBEAT_MS, registerRetryMs: 5, registerRetryMsMax: 20, ownRowMsMax: 100 },
    });
    running.add(agent);
    await agent.start();
    await until('five pauses', () => pauses.length >= 5);
    expect(pauses.slice(0, 5)).toEqual([5, 10, 20, 20, 20]);
    await until('its problem', () => agent.problems().includes(obstacle!));
    await until('a heartbeat that says it', () => controlPlane.heard.some(({ trouble }) => trouble?.message === obstacle));
    expect(controlPlane.heard.at(-1)).toMatchObject({ starting: true, trouble: { reason: 'DriverUnavailable' } });
    expect(controlPlane.registrations).toBe(1);
    obstacle = undefined;
    await until('convergence', converged);
    expect([said, controlPlane.registrations]).toEqual([['agent cannot work'], 2]);
  });

  it('says in its heartbeats what is wrong with its underlay, and reads the kernel anew when that is over', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    const { agent, controlPlane } = await start();
    await until('convergence', converged);
    const good = await until('a good heartbeat', () => {
      const last = controlPlane.heard.at(-1);
      return last?.starting === false && last.pending === 0 && last;
    });
    expect(good.mtu).toBe(1_500);
    expect(good).not.toHaveProperty('trouble');
    const link = kernel.kernel.underlay;
    kernel.kernel.underlay = undefined;
    const missing = { reason: 'UnderlayAddressMissing', message: 'underlay address fd00::1 is on no device of this host' };
    await until('it is missed', () => controlPlane.heard.at(-1)?.trouble?.reason === missing.reason);
    expect(controlPlane.heard.at(-1)?.trouble).toEqual(missing);
    expect(agent.problems()).toEqual([missing.message]);
    kernel.kernel.underlay = { ...link!, up: false };
    await until('it is down', () => controlPlane.heard.at(-1)?.trouble?.reason === 'UnderlayDown');
    kernel.kernel.underlay = { ...link!, mtu: 9_000 };
    await until('all is well', () => controlPlane.heard.at(-1)?.trouble === undefined);
    expect([controlPlane.heard.at(-1)?.mtu, agent.problems()]).toEqual([9_000, []]);
  });

  it('follows an underlay address that changes: it registers anew, and the kernel holds what the rows of the new one say', async () => {
    const { hub, rows, kernel, converged } = given();
    rows.startAll();
    const device = kernel.kernel.underlay;
    let present = a.underlay;
    const controlPlane = new TestControlPlane(a);
    const { agent } = testAgent(hub, a, (identity) => kernel.driver(identity), {
      controlPlane,
      underlayLink: async (address) => (address === present ? device : undefined),
      findUnderlay: async () => (present === '' ? Promise.reject(new Error('there is more than one')) : present),
    });
    running.add(agent);
    await agent.start();
    await until('convergence', converged);
    await until('nothing to complain about', () => agent.problems().length === 0);
    // Nobody can tell the new one yet.
    present = '';
    await until('it is missed', () => controlPlane.heard.at(-1)?.trouble?.reason === 'UnderlayAddressMissing');
    expect([agent.identity?.underlay, controlPlane.registrations]).toEqual([a.underlay, 1]);
    present = 'fd00::77';
    await until('registration', () => controlPlane.registrations === 2);
    rows.host('a', 1, present);
    const moved = { ...a, underlay: present };
    await until('convergence', () => agent.identity?.underlay === present && text(kernel.objects) === text(rows.expected(moved)));
    await until('nothing to complain about', () => agent.problems().length === 0);
    expect(controlPlane.heard.at(-1)).not.toHaveProperty('trouble');
  });

  it('reads the kernel at once when its underlay has changed', async () => {
    const { hub, rows, kernel, converged } = given();
    rows.startAll();
    const { agent } = testAgent(hub, a, (identity) => kernel.driver(identity), {
      underlayLink: async () => kernel.kernel.underlay,
      kernelTiming: { resyncMs: 600_000, retryMs: 10, retryMsMax: 100, stopMsMax: 2_000 },
    });
    running.add(agent);
    await agent.start();
    await until('convergence', converged);
    await until('nothing to complain about', () => agent.problems().length === 0);
    kernel.kernel.lose('route/200/10.0.0.2');
    expect(converged()).toBe(false);
    kernel.kernel.underlay = { ...kernel.kernel.underlay!, mtu: 9_000 };
    await until('convergence', converged);
  });

  it('says in its heartbeats that the kernel cannot be read, from the first read on, and while it runs', async () => {
    const { rows, kernel, start, converged } = given();
    rows.startAll();
    let works = kernel.kernel.failReads('nft is missing');
    const started = start();
    const unreadable = { reason: 'KernelUnreadable', message: 'the kernel cannot be read: nft is missing' };
    const controlPlane = new TestControlPlane(a);
    const other = testAgent(rows.hub, a, (identity) => kernel.driver(identity), { controlPlane });
    running.add(other.agent);
    const second = other.agent.start();
    await until('it says so', () => controlPlane.heard.at(-1)?.trouble !== undefined);
    expect(controlPlane.heard.at(-1)).toMatchObject({ starting: true, trouble: unreadable });
    works();
    await Promise.all([started, second]);
    await until('convergence', converged);
    await until('all is well', () => controlPlane.heard.at(-1)?.starting === false && controlPlane.heard.at(-1)?.trouble === undefined);
    works = kernel.kernel.failReads('nft is missing');
    await until('it says so again', () => controlPlane.heard.at(-1)?.trouble !== undefined);
    expect(controlPlane.heard.at(-1)).toMatchObject({ starting: false, trouble: unreadable });
    works();
    await until('all is well', () => controlPlane.heard.at(-1)?.trouble === undefined);
  });

  it('registers with what it knows of its underlay', async () => {
    const { rows, kernel, start } = given();
    rows.startAll();
    kernel.kernel.underlay = undefined;
    const first = await start();
    await until('registration', () => first.controlPlane.registeredWith.length > 0);
    expect(first.controlPlane.registeredWith).toEqual([
      { trouble: { reason: 'UnderlayAddressMissing', message: 'underlay address fd00::1 is on no device of this host' } },
    ]);
    const { agent, controlPlane } = testAgent(rows.hub, a, (identity) => kernel.driver(identity), {
      underlayLink: () => Promise.reject(new Error('no such namespace')),
    });
    running.add(agent);
    await agent.start();
    await until('registration', () => controlPlane.registeredWith.length > 0);
    expect(controlPlane.registeredWith).toEqual([
      { trouble: { reason: 'UnderlayUnknown', message: 'the underlay cannot be looked at: no such namespace' } },
    ]);
  });

  it('converges over a bus that loses, doubles and delays', async () => {
    let seed = 7;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    let quiet = false;
    const { rows, kernel, start, converged } = given({
      fault: () => {
        const dice = quiet ? 1 : random();
        if (dice < 0.2) return 0;
        if (dice < 0.3) return 2;
        if (dice < 0.5) return { hold: (release) => void setTimeout(release, 3) };
        return 1;
      },
    });
    rows.startAll();
    await start();
    for (let n = 10; n < 60; n++) {
      rows.nic(uid(n), n % 3 === 0 ? 'a' : 'b', 200 + (n % 4), `10.0.1.${n}`);
      if (n % 5 === 0) rows.nicEnds(uid(n - 2), (n - 2) % 3 === 0 ? 'a' : 'b', 200 + ((n - 2) % 4));
      await new Promise((resolve) => setImmediate(resolve));
    }
    quiet = true;
    await until('convergence', converged);
    expect(kernel.objects.size).toBeGreaterThan(30);
  });
});
