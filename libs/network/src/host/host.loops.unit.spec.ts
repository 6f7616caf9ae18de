import type { Loop } from '@weft/api';
import { hostKey, networkKey, nicKey } from '../keys.ts';
import { Site } from '../testing/site.ts';
import { hostLoops } from './host.loops.ts';

const loopNamed = (name: string): Loop => hostLoops.find((loop) => loop.name === name)!;
const holdNetworks = loopNamed('hold-networks');
const idleNetworks = loopNamed('idle-networks');
const fallBehind = loopNamed('fall-behind');

/** host-a and host-b are Ready; network `red` has VNI 200. */
function given(): Site {
  const site = new Site();
  site.host('host-a');
  site.host('host-b');
  site.network('red', 200);
  return site;
}

describe('hold-networks', () => {
  const owed = ['host-a: HoldNetwork {"vni":200,"network":"ns/red"}'];

  it('lets a host hold the network of an interface that is placed there, once for all of them', () => {
    const site = given();
    site.nic('one', 'red');
    expect(site.owed(holdNetworks)).toEqual([]);
    site.place('one', 'host-a');
    site.nic('two', 'red', 'host-a');
    expect(site.owed(holdNetworks)).toEqual(owed);
    expect(site.settle(hostLoops)).toBe(1);
    expect(site.held('host-a')).toEqual({ 200: '' });
    expect(site.held('host-b')).toBeUndefined();
  });

  it('waits for the number of the network', () => {
    const site = given();
    site.network('late');
    site.nic('one', 'late', 'host-a');
    expect(site.owed(holdNetworks)).toEqual([]);
    site.number('late', 201);
    expect(site.owed(holdNetworks)).toEqual(['host-a: HoldNetwork {"vni":201,"network":"ns/late"}']);
  });

  it('holds nothing of a network that is gone', () => {
    const site = given();
    site.nic('one', 'red', 'host-a');
    site.end(networkKey('ns', 'red'));
    expect(site.owed(holdNetworks)).toEqual([]);
  });

  it('owes nothing for a host that is gone, and the network again for its next incarnation', () => {
    const site = given();
    site.nic('one', 'red', 'host-a');
    site.settle(hostLoops);
    site.end(hostKey('host-a'));
    expect(site.owed(holdNetworks)).toEqual([]);
    site.host('host-a');
    expect(site.owed(holdNetworks)).toEqual(owed);
  });

  it.each([
    ['called idle', { type: 'NetworkIdle.v1', data: { vni: 200, at: '7' } }],
    ['released', { type: 'NetworkReleased.v1', data: { vni: 200 } }],
  ])('holds a network again that was %s by mistake', (_what, mistake) => {
    const site = given();
    site.nic('one', 'red', 'host-a');
    site.settle(hostLoops);
    site.write(hostKey('host-a'), mistake);
    expect(site.owed(holdNetworks)).toEqual(owed);
    site.settle(hostLoops);
    expect(site.held('host-a')).toEqual({ 200: '' });
  });
});

describe('idle-networks', () => {
  const owed = ['host-a: IdleNetwork {"vni":200}'];
  const placed = (...nics: string[]): Site => {
    const site = given();
    for (const nic of nics) site.nic(nic, 'red', 'host-a');
    site.settle(hostLoops);
    return site;
  };

  it.each<[string, (site: Site) => void]>([
    ['is unplaced', (site) => site.unplace('two')],
    ['goes to another host', (site) => site.place('two', 'host-b')],
    ['ends', (site) => site.end(nicKey('ns', 'two'))],
  ])('calls a network idle when the last interface of it %s', (_what, leaves) => {
    const site = placed('one', 'two');
    site.unplace('one');
    expect(site.owed(idleNetworks)).toEqual([]);
    leaves(site);
    expect(site.owed(idleNetworks)).toEqual(owed);
    const { position } = site;
    site.settle([idleNetworks]);
    expect(site.held('host-a')).toEqual({ 200: `${position}` });
  });

  it('ends a hold when the network is gone, although interfaces are placed there', () => {
    const site = placed('one');
    site.end(networkKey('ns', 'red'));
    expect(site.owed(idleNetworks)).toEqual(owed);
    site.settle(hostLoops);
    expect(site.held('host-a')).toEqual({ 200: expect.stringMatching(/^[0-9]+$/) });
  });

  it('ends a hold under which nothing was ever placed', () => {
    const site = given();
    site.act('host-a', 'HoldNetwork', { vni: 200, network: 'ns/red' });
    expect(site.owed(idleNetworks)).toEqual(owed);
  });

  it('ignores interfaces of another network or on another host', () => {
    const site = placed('one');
    site.network('blue', 201);
    site.nic('two', 'blue', 'host-a');
    site.nic('three', 'red', 'host-b');
    site.settle(hostLoops);
    site.unplace('one');
    expect(site.owed(idleNetworks)).toEqual(owed);
  });

  it('owes nothing for a network that is idle or released already', () => {
    const site = placed('one');
    site.unplace('one');
    site.settle(hostLoops);
    expect(site.owed(idleNetworks)).toEqual([]);
    site.act('host-a', 'Reached', { position: `${site.position}` });
    expect([site.held('host-a'), site.owed(idleNetworks)]).toEqual([{}, []]);
  });
});

describe('fall-behind', () => {
  /** Each host has an interface of the network, and has applied everything. */
  function converged(): Site {
    const site = given();
    site.nic('one', 'red', 'host-a');
    site.nic('two', 'red', 'host-b');
    site.settle(hostLoops);
    for (const host of ['host-a', 'host-b']) site.act(host, 'ReportApplied', { tables: {}, position: `${site.position}` });
    return site;
  }
  const since = (time: string) => [`host-a: FallBehind {"since":"${time}"}`];

  it('owes nothing for a Ready host, and nothing for one that has applied all', () => {
    const site = converged();
    site.unplace('two');
    expect(site.owed(fallBehind)).toEqual([]);
    site.act('host-a', 'ReportApplied', { tables: { 'endpoints.200': `${site.position}` }, position: '1' });
    site.lose('host-a');
    expect(site.owed(fallBehind)).toEqual([]);
  });

  it.each<[string, (site: Site) => void]>([
    ['placed', (site) => site.nic('three', 'red', 'host-b')],
    ['unplaced', (site) => site.unplace('two')],
    ['ended', (site) => site.end(nicKey('ns', 'two'))],
  ])('counts the lag of a silent host from an interface of its network that is %s', (_what, changes) => {
    const site = converged();
    site.lose('host-a');
    changes(site);
    expect(site.owed(fallBehind)).toEqual(since(site.now));
    const { now } = site;
    expect(site.settle([fallBehind])).toBe(1);
    expect(site.state(hostKey('host-a'))?.object.status).toMatchObject({ pendingSince: `${now.slice(0, 19)}Z` });
    expect(site.state(hostKey('host-b'))?.object.status).not.toHaveProperty('pendingSince');
  });

  it('counts the lag from the first of several changes, by the tables that its kernel reflects', () => {
    const site = converged();
    site.network('blue', 201);
    site.nic('three', 'blue', 'host-a');
    site.settle(hostLoops);
    site.act('host-a', 'ReportApplied', { tables: {}, position: `${site.position}` });
    site.lose('host-a');
    site.nic('four', 'blue', 'host-b');
    const first = site.now;
    site.unplace('two');
    const last = site.now;
    expect(site.owed(fallBehind)).toEqual(since(first));
    // What the host has applied of one network proves nothing for another one.
    site.act('host-a', 'ReportApplied', { tables: { 'endpoints.201': `${site.position}` }, position: '1' });
    expect(site.owed(fallBehind)).toEqual(since(last));
  });

  it('counts interfaces that have left the host itself, also when the network is gone now', () => {
    const site = converged();
    site.lose('host-a');
    site.unplace('one');
    const { now, position } = site;
    site.end(networkKey('ns', 'red'));
    site.settle([idleNetworks]);
    expect(site.owed(fallBehind)).toEqual(since(now));
    site.act('host-a', 'ReportApplied', { tables: { 'placements.host-a': `${position}` }, position: '1' });
    expect(site.held('host-a')).toEqual({ 200: expect.any(String) });
    expect(site.owed(fallBehind)).toEqual([]);
  });

  it('counts no change that gives the host no rows: of another network, or of one without a number', () => {
    const site = converged();
    site.lose('host-a');
    site.network('blue', 201);
    site.network('late');
    site.nic('three', 'blue', 'host-b');
    site.nic('four', 'late', 'host-a');
    site.settle([holdNetworks]);
    expect(site.owed(fallBehind)).toEqual([]);
    site.number('late', 202);
    site.settle([holdNetworks]);
    expect(site.owed(fallBehind)).toHaveLength(1);
  });

  it('takes one command for each silent host, however many interfaces are placed', () => {
    const site = converged();
    site.lose('host-a');
    site.lose('host-b');
    let commands = 0;
    for (let i = 0; i < 100; i++) {
      site.nic(`more${i}`, 'red', i % 2 === 0 ? 'host-a' : 'host-b');
      commands += site.settle([fallBehind]);
    }
    expect(commands).toBe(2);
  });

  it('comes to an end together with the other loops', () => {
    const site = converged();
    site.lose('host-a');
    site.unplace('one');
    site.nic('three', 'red', 'host-b');
    site.settle(hostLoops);
    site.hear('host-a');
    site.act('host-a', 'ReportApplied', { tables: {}, position: `${site.position}` });
    expect(hostLoops.flatMap((loop) => site.owed(loop))).toEqual([]);
    expect([site.held('host-a'), site.state(hostKey('host-a'))?.object.status?.['pendingSince']]).toEqual([{}, undefined]);
  });
});

describe('placement-changes', () => {
  it('keeps the newest change of each network and host, and none of those that ended', () => {
    const site = given();
    const numbered = { position: site.position, time: site.now };
    site.nic('one', 'red');
    expect([site.record('network ns/red'), site.record('host host-a')]).toEqual([numbered, undefined]);
    site.place('one', 'host-a');
    const first = { position: site.position, time: site.now };
    expect([site.record('network ns/red'), site.record('host host-a')]).toEqual([first, first]);
    site.place('one', 'host-b');
    const second = { position: site.position, time: site.now };
    expect(['network ns/red', 'host host-a', 'host host-b'].map((key) => site.record(key))).toEqual([second, second, second]);
    // This changes no placement.
    site.write(nicKey('ns', 'one'), { type: 'NetworkInterfaceProgrammed.v1', data: {} });
    expect(site.record('network ns/red')).toEqual(second);
    site.end(networkKey('ns', 'red'));
    site.end(hostKey('host-a'));
    expect(['network ns/red', 'host host-a', 'host host-b'].map((key) => site.record(key))).toEqual([undefined, undefined, second]);
  });

  it('keeps nothing of a network that is not there, or has no number: nobody waits for it', () => {
    const site = given();
    site.nic('one', 'nowhere', 'host-a');
    expect(site.record('network ns/nowhere')).toBeUndefined();
    site.nic('two', 'red', 'host-a');
    site.end(networkKey('ns', 'red'));
    site.end(nicKey('ns', 'two'));
    expect(site.record('network ns/red')).toBeUndefined();
  });

  it('has the position that the row has, also when more happens in the same append', () => {
    const site = given();
    site.nic('one', 'red', 'host-a');
    site.write(
      nicKey('ns', 'one'),
      { type: 'NetworkInterfaceUnplaced.v1', data: {} },
      { type: 'LabelsChanged.v1', data: { labels: { a: 'b' } } },
    );
    expect(site.record('host host-a')).toEqual({ position: site.position - 1n, time: site.now });
    site.place('one', 'host-a');
    site.write(nicKey('ns', 'one'), { type: 'LabelsChanged.v1', data: { labels: {} } }, { type: 'NetworkInterfaceEnded.v1', data: {} });
    expect(site.record('host host-a')).toEqual({ position: site.position, time: site.now });
  });

  it('notes an interface that is placed as it is made', () => {
    const site = given();
    const metadata = { namespace: 'ns', name: 'one', uid: 'u1', creationTimestamp: site.now };
    site.write(
      nicKey('ns', 'one'),
      { type: 'NetworkInterfaceCreated.v1', data: { metadata, spec: { networkRef: { name: 'red' } } } },
      { type: 'NetworkInterfacePlaced.v1', data: { host: 'host-a' } },
    );
    expect(site.record('network ns/red')).toEqual({ position: site.position, time: site.now });
  });

  it('ignores interfaces that end without a placement', () => {
    const site = given();
    site.nic('one', 'red', 'host-a');
    site.unplace('one');
    const left = site.record('network ns/red');
    site.end(nicKey('ns', 'one'));
    expect(site.record('network ns/red')).toEqual(left);
  });
});
