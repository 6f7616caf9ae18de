import { type Accepted, checked, type JsonObject } from '@weft/api';
import { hostKey, networkKey, nicKey } from '../keys.ts';
import { Site } from '../testing/site.ts';
import { hostLoops } from './host.loops.ts';
import { hostEvents } from './host.types.ts';

const HOST = 'host-a';
const AGENT = { agent: 'agent-1', version: '1', driver: 'simulated', startedAt: '2026-01-01T00:00:00Z', underlay: '192.0.2.1' };

/** host-a is Ready and holds network `red` (VNI 200); its interface `one` is placed there. */
function given(): Site {
  const site = new Site();
  site.host(HOST);
  site.network('red', 200);
  site.nic('one', 'red', HOST);
  site.settle(hostLoops);
  return site;
}
const idle = (site: Site, view = site.view()) => site.act(HOST, 'IdleNetwork', { vni: 200 }, view);
const report = (site: Site, position: bigint, tables: JsonObject = {}) =>
  site.act(HOST, 'ReportApplied', { tables, position: `${position}` });

describe('HoldNetwork', () => {
  it('holds a network that is not held or idle, once, on a host that lives', () => {
    const site = given();
    const hold = () => site.act(HOST, 'HoldNetwork', { vni: 200, network: 'ns/red' });
    expect(hold()).toEqual([]);
    site.unplace('one');
    idle(site);
    expect([hold(), hold()]).toEqual([['NetworkHeld.v1'], []]);
    idle(site);
    site.end(hostKey(HOST));
    expect(hold()).toEqual([]);
    site.host(HOST);
    expect([hold(), hold()]).toEqual([['NetworkHeld.v1'], []]);
  });
});

describe('IdleNetwork', () => {
  it('notes the position of the view that shows no interface of the network', () => {
    const site = given();
    site.unplace('one');
    site.network('blue', 201);
    expect(idle(site)).toEqual(['NetworkIdle.v1']);
    expect(site.held(HOST)).toEqual({ 200: `${site.position - 1n}` });
    expect(idle(site)).toEqual([]);
  });

  it('does nothing on a view that shows an interface there, also an older view', () => {
    const site = given();
    const older = site.view();
    expect(idle(site)).toEqual([]);
    site.unplace('one');
    expect(idle(site, older)).toEqual([]);
    expect(site.held(HOST)).toEqual({ 200: '' });
  });

  it('does nothing on a view that does not include the hold: the interface that it is for may be missing too', () => {
    const site = new Site();
    site.host(HOST);
    site.network('red', 200);
    site.nic('one', 'red');
    const older = site.view();
    site.place('one', HOST);
    site.settle(hostLoops);
    expect(idle(site, older)).toEqual([]);
  });

  it('does nothing for a network that is not held, and on a host that is gone', () => {
    const site = given();
    site.unplace('one');
    expect(site.act(HOST, 'IdleNetwork', { vni: 201 })).toEqual([]);
    site.end(hostKey(HOST));
    expect(idle(site)).toEqual([]);
  });

  it.each<[string, JsonObject]>([
    ['of everything', {}],
    ['of its placements', { 'placements.host-a': '1000' }],
  ])('ends the hold as well when the report %s came first', (_what, tables) => {
    const site = given();
    site.unplace('one');
    report(site, 'placements.host-a' in tables ? 1n : 1_000n, tables);
    expect(idle(site)).toEqual(['NetworkIdle.v1', 'NetworkReleased.v1']);
    expect(site.held(HOST)).toEqual({});
  });

  it('waits for the report when that of another table came first', () => {
    const site = given();
    site.unplace('one');
    report(site, 1n, { 'endpoints.200': '1000', 'placements.host-b': '1000' });
    expect(idle(site)).toEqual(['NetworkIdle.v1']);
  });
});

describe('ReportApplied and Reached', () => {
  function idleHold(): { site: Site; since: bigint } {
    const site = given();
    site.unplace('one');
    idle(site);
    return { site, since: BigInt(site.held(HOST)?.[200] as string) };
  }

  it.each<[string, (site: Site, position: bigint) => unknown]>([
    ['a report of its position', (site, position) => report(site, position)],
    ['a report of its placements', (site, position) => report(site, 1n, { 'placements.host-a': `${position}` })],
    ['a heartbeat', (site, position) => site.act(HOST, 'Reached', { position: `${position}` })],
  ])('end an idle hold: %s', (_what, reach) => {
    const { site, since } = idleHold();
    reach(site, since - 1n);
    expect(site.held(HOST)).toEqual({ 200: `${since}` });
    reach(site, since);
    expect(site.held(HOST)).toEqual({});
  });

  it('end no hold under which an interface is placed again', () => {
    const { site, since } = idleHold();
    site.place('one', HOST);
    site.act(HOST, 'Reached', { position: `${since}` });
    report(site, since);
    expect(site.held(HOST)).toEqual({ 200: `${since}` });
    site.settle(hostLoops);
    expect(site.held(HOST)).toEqual({ 200: '' });
    report(site, since + 1_000n);
    expect(site.held(HOST)).toEqual({ 200: '' });
  });

  it('end no idle hold before the host has applied the newest placement there: it may still carry what came and left meanwhile', () => {
    const { site, since } = idleHold();
    site.place('one', HOST);
    const placedAt = site.position;
    site.unplace('one');
    const leftAt = site.position;
    for (const reached of [since, placedAt, leftAt - 1n]) {
      report(site, 1n, { 'placements.host-a': `${reached}` });
      site.act(HOST, 'Reached', { position: `${reached}` });
      expect(site.held(HOST)).toEqual({ 200: `${since}` });
    }
    site.act(HOST, 'Reached', { position: `${leftAt}` });
    expect(site.held(HOST)).toEqual({});
  });

  it.each<[string, (position: bigint) => [JsonObject, bigint]]>([
    ['everything', (position) => [{}, position]],
    ['its placements', (position) => [{ 'placements.host-a': `${position}` }, 1n]],
  ])('end no idle hold on a view that is behind the report of %s', (_what, reportOf) => {
    const { site } = idleHold();
    const older = site.view();
    site.place('one', HOST);
    const [tables, position] = reportOf(site.position);
    const payload = { tables, position: `${position}` };
    expect(site.act(HOST, 'ReportApplied', payload, older)).not.toContain('NetworkReleased.v1');
    site.unplace('one');
    const [newest, reached] = reportOf(site.position);
    expect(site.act(HOST, 'ReportApplied', { tables: newest, position: `${reached}` })).toContain('NetworkReleased.v1');
  });

  it('forget what was applied of a network with its hold', () => {
    const { site, since } = idleHold();
    report(site, since - 1n, { 'endpoints.200': '7', hosts: '3' });
    site.act(HOST, 'Reached', { position: `${since}` });
    expect(site.state(hostKey(HOST))?.facts['applied']).toEqual({ hosts: '3', '*': `${since - 1n}` });
  });
});

describe('FallBehind', () => {
  const since = '2026-01-01T00:00:00.500Z';

  it('notes once since when a silent host lags', () => {
    const site = given();
    site.lose(HOST);
    expect(site.act(HOST, 'FallBehind', { since })).toEqual(['HostFellBehind.v1', 'ConditionChanged.v1']);
    expect(site.state(hostKey(HOST))?.object.status).toMatchObject({ pendingSince: '2026-01-01T00:00:00Z' });
    expect(site.act(HOST, 'FallBehind', { since: site.now })).toEqual([]);
  });

  it('does nothing for a host that is Ready again, or gone', () => {
    const site = given();
    expect(site.act(HOST, 'FallBehind', { since })).toEqual([]);
    site.lose(HOST);
    site.end(hostKey(HOST));
    expect(site.act(HOST, 'FallBehind', { since })).toEqual([]);
  });
});

describe('ReportProgrammed', () => {
  const programmed = (site: Site, position: bigint, view = site.view()) => {
    const { uid } = site.state(nicKey('ns', 'one'))!.object.metadata;
    return site.act(HOST, 'ReportProgrammed', { nics: [{ uid, position: `${position}` }] }, view);
  };

  it('passes on a report that the view does not know', () => {
    const site = given();
    const { position } = site;
    const older = site.view();
    expect(programmed(site, position)).toEqual(['NicProgrammed.v1']);
    site.write(nicKey('ns', 'one'), { type: 'NetworkInterfaceProgrammed.v1', data: {} });
    expect(programmed(site, position)).toEqual([]);
    // The view has it as it was programmed before.
    expect(programmed(site, older.position + 1n, older)).toEqual(['NicProgrammed.v1']);
    expect(programmed(site, site.position + 1n)).toEqual(['NicProgrammed.v1']);
  });

  it('passes on an older placement, and that of another host', () => {
    const site = given();
    const { position } = site;
    site.place('one', HOST);
    site.write(nicKey('ns', 'one'), { type: 'NetworkInterfaceProgrammed.v1', data: {} });
    expect(programmed(site, position)).toEqual(['NicProgrammed.v1']);
    site.place('one', 'host-b');
    site.write(nicKey('ns', 'one'), { type: 'NetworkInterfaceProgrammed.v1', data: {} });
    expect(programmed(site, site.position)).toEqual(['NicProgrammed.v1']);
  });
});

describe('ReportProgrammed of an interface that has ended', () => {
  it('is dropped when the view has reached the reported position', () => {
    const site = given();
    const { uid } = site.state(nicKey('ns', 'one'))!.object.metadata;
    const older = site.view();
    site.end(nicKey('ns', 'one'));
    const reported = { nics: [{ uid, position: `${older.position + 1n}` }] };
    expect(site.decide(HOST, 'ReportProgrammed', reported)).toMatchObject({ facts: [] });
    expect(site.decide(HOST, 'ReportProgrammed', reported, older)).toMatchObject({ facts: [{ type: 'NicProgrammed.v1' }] });
  });
});

describe('RegisterHost', () => {
  it.each<[string, JsonObject]>([
    ['is missing', {}],
    ['is not an address', { underlay: 'here' }],
    ['is not even text', { underlay: 7 }],
    ['has a zone', { underlay: 'fe80::1%eth0' }],
  ])('names the field when the underlay %s', (_what, payload) => {
    const { underlay: _, ...agent } = AGENT;
    expect(new Site().decide(HOST, 'RegisterHost', { ...agent, ...payload })).toMatchObject({
      outcome: 'rejected',
      status: { code: 422, details: { causes: [{ field: 'spec.underlay.ip', reason: 'FieldValueInvalid' }] } },
    });
  });

  it.each<[string, JsonObject]>([
    ['without an agent', { agent: null }],
    ['with roles that are no list', { roles: 'Edge' }],
    ['with numbers to avoid that are none', { avoid: ['1'] }],
  ])('is refused %s', (_what, payload) => {
    expect(new Site().decide(HOST, 'RegisterHost', { ...AGENT, ...payload })).toMatchObject({ outcome: 'rejected', status: { code: 400 } });
  });

  it('creates a host with the number that is granted to it', () => {
    const { facts, claims, whenGranted } = new Site().decide(HOST, 'RegisterHost', { ...AGENT, avoid: [1, 2] }) as Accepted;
    expect(claims).toMatchObject([{ command: { type: 'ClaimHost', host: HOST, underlay: '192.0.2.1', avoid: [1, 2] } }]);
    expect(facts).toMatchObject([{ type: 'HostCreated.v1', data: { metadata: { name: HOST }, spec: { roles: ['Compute'] } } }]);
    const granted = whenGranted?.([{ index: 3 }]) ?? [];
    expect(granted.map(({ type }) => type)).toEqual(['HostIndexAssigned.v1', 'HostRegistered.v1', 'ConditionChanged.v1']);
    expect(() => whenGranted?.([{}])).toThrow(/index/);
  });
});

describe('the events of a host', () => {
  it('match their schemas', () => {
    const site = given();
    site.unplace('one');
    for (const [action, payload] of [
      ['HostLost', {}],
      ['FallBehind', { since: site.now }],
      ['IdleNetwork', { vni: 200 }],
      ['ReportApplied', { tables: { hosts: '1' }, position: '1000', pendingSince: site.now }],
      ['HoldNetwork', { vni: 201, network: 'ns/blue' }],
      ['ReportProgrammed', { nics: [{ uid: 'x', position: '1000' }] }],
    ] as const) {
      const { facts } = site.decide(HOST, action, payload as JsonObject) as Accepted;
      expect(facts).not.toEqual([]);
      for (const { type, data } of facts) if (type in hostEvents.schemas) checked(hostEvents.schemas[type as never], data, type);
      site.act(HOST, action, payload as JsonObject);
    }
    site.end(networkKey('ns', 'red'));
  });
});
