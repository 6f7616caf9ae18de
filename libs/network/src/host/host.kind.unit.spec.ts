import { type Accepted, checked, conditionOf, type JsonObject, specOf } from '@weft/api';
import { hostKey, networkKey, nicKey } from '../keys.ts';
import { Site } from '../testing/site.ts';
import { hostLoops } from './host.loops.ts';
import { hostEvents, type Trouble } from './host.types.ts';

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

  it('end a lag that the agent has nothing to report about, once its kernel reflects all that came before it was counted', () => {
    const { site } = idleHold();
    site.lose(HOST);
    site.act(HOST, 'FallBehind', { since: site.now });
    const counted = site.position;
    site.act(HOST, 'Reached', { position: `${counted}` });
    site.hear(HOST);
    const converged = () => conditionOf(site.state(hostKey(HOST))?.object ?? {}, 'Converged')?.status;
    const returned = site.position;
    site.act(HOST, 'Reached', { position: `${returned - 1n}` });
    expect(converged()).toBe('False');
    site.act(HOST, 'Reached', { position: `${returned}` });
    expect(converged()).toBe('True');
    expect(site.state(hostKey(HOST))?.object.status).not.toHaveProperty('pendingSince');
    expect(site.act(HOST, 'Reached', { position: `${site.position}` })).toEqual([]);
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

  it('keep up to where everything was applied when an agent starts again, which does not know it yet', () => {
    const site = registered();
    const before = site.state(hostKey(HOST))?.facts['applied'] as { '*': string };
    site.act(HOST, 'ReportApplied', { tables: { nat: '900' }, position: '0' });
    expect(site.state(hostKey(HOST))?.facts['applied']).toEqual({ ...before, nat: '900' });
  });

  it('forget what was applied of a network with its hold', () => {
    const { site, since } = idleHold();
    report(site, since - 1n, { 'endpoints.200': '7', hosts: '3' });
    site.act(HOST, 'Reached', { position: `${since}` });
    expect(site.state(hostKey(HOST))?.facts['applied']).toEqual({ hosts: '3', '*': `${since - 1n}` });
  });
});

const MISSING: Trouble = { reason: 'UnderlayAddressMissing', message: 'underlay address 192.0.2.1 is on no device of this host' };
const UNREADABLE: Trouble = { reason: 'KernelUnreadable', message: 'the kernel cannot be read: nft is missing' };

/** host-a was registered by agent-1, and has reported. */
function registered(): Site {
  const site = new Site();
  const { facts, whenGranted } = site.decide(HOST, 'RegisterHost', { ...AGENT, mtu: 1_500 }) as Accepted;
  const [first, ...rest] = [...facts, ...(whenGranted?.([{ index: 1 }]) ?? [])];
  site.write(hostKey(HOST), first!, ...rest);
  report(site, site.position, { hosts: `${site.position}` });
  return site;
}
const says = (site: Site, type: string) => {
  const { status, reason, message } = conditionOf(site.state(hostKey(HOST))!.object, type) ?? {};
  return { status, reason, message };
};
const good = { ready: { status: 'True', reason: 'AgentReady' }, converged: { status: 'True', reason: 'Applied' } };

describe('The health of a host (resources 2.11)', () => {
  it.each([MISSING, UNREADABLE])(
    'is what its agent says: it is neither Ready nor Converged, with the words of the agent, until that is over',
    (trouble) => {
      const site = registered();
      expect([says(site, 'Ready'), says(site, 'Converged')]).toMatchObject([good.ready, good.converged]);
      expect(site.act(HOST, 'Heard', { agent: 'agent-1', trouble })).toEqual([
        'HostTroubled.v1',
        'ConditionChanged.v1',
        'ConditionChanged.v1',
      ]);
      expect([says(site, 'Ready'), says(site, 'Converged')]).toEqual([
        { status: 'False', ...trouble },
        { status: 'False', ...trouble },
      ]);
      expect(site.act(HOST, 'Heard', { agent: 'agent-1', trouble })).toEqual([]);
      // Its reports go on, and do not hide it.
      report(site, site.position, { hosts: `${site.position}` });
      expect(says(site, 'Converged')).toEqual({ status: 'False', ...trouble });
      expect(site.act(HOST, 'Heard', { agent: 'agent-1' })).toEqual(['HostRecovered.v1', 'ConditionChanged.v1', 'ConditionChanged.v1']);
      expect([says(site, 'Ready'), says(site, 'Converged')]).toMatchObject([good.ready, good.converged]);
    },
  );

  it('changes with the trouble, and is not the same agent if another one says so', () => {
    const site = registered();
    site.act(HOST, 'Heard', { trouble: MISSING });
    expect(site.act(HOST, 'Heard', { trouble: UNREADABLE })).toContain('HostTroubled.v1');
    expect(says(site, 'Ready')).toMatchObject({ reason: 'KernelUnreadable' });
    expect(site.act(HOST, 'Heard', { agent: 'agent-2' })).toEqual([]);
    site.end(hostKey(HOST));
    expect(site.act(HOST, 'Heard', {})).toEqual([]);
  });

  it('is bad when its agent is silent, whatever that said before; back, it is what the agent says then', () => {
    const site = registered();
    site.act(HOST, 'Heard', { trouble: MISSING });
    expect(site.act(HOST, 'HostLost')).toContain('HostLost.v1');
    expect([says(site, 'Ready').reason, says(site, 'Converged')]).toEqual([
      'HeartbeatsMissing',
      { status: 'False', reason: 'HeartbeatsMissing', message: 'its agent has not been heard for ten seconds' },
    ]);
    expect(site.act(HOST, 'HostLost')).toEqual([]);
    expect(site.act(HOST, 'Heard', { trouble: UNREADABLE }).slice(0, 2)).toEqual(['HostReturned.v1', 'HostTroubled.v1']);
    expect(says(site, 'Ready')).toMatchObject({ status: 'False', ...UNREADABLE });
    site.act(HOST, 'HostLost');
    expect(site.act(HOST, 'HostReturned')).toContain('HostReturned.v1');
    expect([says(site, 'Ready'), says(site, 'Converged')]).toMatchObject([good.ready, good.converged]);
  });

  it('keeps what the agent found to differ in its kernel, once', () => {
    const site = registered();
    const entries = [{ key: 'route/200/10.0.0.1', before: 'host 2', after: 'absent' }];
    const drift = { at: '2026-01-01T00:00:00.001Z', count: 3, entries };
    site.act(HOST, 'ReportApplied', { tables: {}, position: '1' });
    expect(site.act(HOST, 'ReportApplied', { tables: {}, position: '1', drift })).toEqual(['HostDrifted.v1']);
    expect(site.act(HOST, 'ReportApplied', { tables: {}, position: '1', drift })).toEqual([]);
    const later = { ...drift, at: '2026-01-01T00:00:09.000Z' };
    expect(site.act(HOST, 'ReportApplied', { tables: {}, position: '1', drift: later })).toEqual(['HostDrifted.v1']);
  });

  it('does not say Converged after a return while a change waits, nor before anything was reported', () => {
    const site = registered();
    site.act(HOST, 'ReportApplied', { tables: {}, position: '1', pendingSince: site.now });
    site.act(HOST, 'HostLost');
    site.act(HOST, 'Heard', {});
    expect(says(site, 'Converged')).toMatchObject({ status: 'False', reason: 'Pending' });
    const young = new Site();
    young.host(HOST);
    young.write(hostKey(HOST), { type: 'HostRegistered.v1', data: { agent: 'agent-1', version: '', driver: '', startedAt: '' } });
    young.act(HOST, 'Heard', { trouble: MISSING });
    young.act(HOST, 'Heard', {});
    expect(says(young, 'Converged')).toMatchObject({ status: 'False', reason: 'Pending' });
  });

  it('keeps a text that is too long within bounds, once', () => {
    const site = registered();
    const trouble = { reason: 'KernelUnreadable', message: 'x'.repeat(5_000) };
    site.act(HOST, 'Heard', { trouble });
    expect(says(site, 'Ready').message).toHaveLength(1_024);
    expect(site.act(HOST, 'Heard', { trouble })).toEqual([]);
  });

  it('of a host that its agent registers again is good at once if it was; else when a heartbeat says so', () => {
    const site = registered();
    expect(site.act(HOST, 'RegisterHost', { ...AGENT, starting: true })).toEqual([]);
    site.act(HOST, 'HostLost');
    expect(site.act(HOST, 'RegisterHost', { ...AGENT, starting: true })).toContain('HostReturned.v1');
    expect([says(site, 'Ready').reason, says(site, 'Converged').reason]).toEqual(['AgentStarting', 'AgentStarting']);
    site.act(HOST, 'Heard', {});
    expect([says(site, 'Ready'), says(site, 'Converged')]).toMatchObject([good.ready, good.converged]);
    site.act(HOST, 'HostLost');
    site.act(HOST, 'RegisterHost', { ...AGENT, starting: true, trouble: MISSING });
    expect(says(site, 'Ready')).toMatchObject(MISSING);
  });

  it('is bad from the first registration on when the agent knows of a trouble', () => {
    const { whenGranted } = new Site().decide(HOST, 'RegisterHost', { ...AGENT, trouble: MISSING }) as Accepted;
    const facts = whenGranted?.([{ index: 1 }]) ?? [];
    expect(facts.filter(({ type }) => type === 'ConditionChanged.v1').map(({ data }) => data)).toMatchObject([
      { type: 'Ready', status: 'False', ...MISSING },
      { type: 'Converged', status: 'False', ...MISSING },
    ]);
  });

  it('lets no other agent register and nobody delete the host while its agent is heard, Ready or not', () => {
    const site = registered();
    site.act(HOST, 'Heard', { trouble: UNREADABLE });
    expect(site.decide(HOST, 'RegisterHost', { ...AGENT, agent: 'agent-2' })).toMatchObject({ outcome: 'rejected', status: { code: 409 } });
    expect(site.deletion(HOST)).toMatchObject({ code: 409 });
    site.act(HOST, 'HostLost');
    expect(site.deletion(HOST)).toBeUndefined();
    expect(site.act(HOST, 'RegisterHost', { ...AGENT, agent: 'agent-2' })).toContain('HostRegistered.v1');
  });

  it('goes with the MTU of its underlay, which is noted when it changes', () => {
    const site = registered();
    expect(site.state(hostKey(HOST))?.object.status).toMatchObject({ mtu: 1_500, agent: { driver: 'simulated', version: '1' } });
    expect(site.act(HOST, 'Heard', { mtu: 1_500 })).toEqual([]);
    expect(site.act(HOST, 'Heard', { mtu: 9_000 })).toEqual(['HostMtuChanged.v1']);
    expect(site.state(hostKey(HOST))?.object.status).toMatchObject({ mtu: 9_000 });
    expect(site.act(HOST, 'RegisterHost', { ...AGENT, mtu: 9_000 })).toEqual([]);
    expect(site.act(HOST, 'RegisterHost', { ...AGENT, mtu: 1_400 })).toEqual(['HostMtuChanged.v1']);
  });
});

describe('LoseUnderlay', () => {
  const uidOf = (site: Site) => site.state(hostKey(HOST))!.object.metadata.uid;

  it('takes the address away, and says so until the agent registers again', () => {
    const site = registered();
    expect(site.act(HOST, 'LoseUnderlay', { uid: 'former', ip: '192.0.2.1' })).toEqual([]);
    expect(site.act(HOST, 'LoseUnderlay', { uid: uidOf(site), ip: '192.0.2.9' })).toEqual([]);
    expect(site.act(HOST, 'LoseUnderlay', { uid: uidOf(site), ip: '192.0.2.1' })[0]).toBe('HostUnderlayLost.v1');
    expect(site.state(hostKey(HOST))?.object.spec).toEqual({ roles: ['Compute'], unschedulable: false });
    expect(says(site, 'Ready')).toMatchObject({ status: 'False', reason: 'UnderlayTaken' });
    expect(site.act(HOST, 'Heard', {})).toEqual([]);
    const { facts, claims } = site.decide(HOST, 'RegisterHost', { ...AGENT, underlay: '192.0.2.2' }) as Accepted;
    expect(claims).toMatchObject([{ command: { type: 'ClaimHost', underlay: '192.0.2.2' } }]);
    expect(facts.map(({ type }) => type)).toEqual([
      'HostUnderlayChanged.v1',
      'HostRecovered.v1',
      'ConditionChanged.v1',
      'ConditionChanged.v1',
    ]);
  });

  it('leaves a silent host silent', () => {
    const site = registered();
    site.act(HOST, 'HostLost');
    expect(site.act(HOST, 'LoseUnderlay', { uid: uidOf(site), ip: '192.0.2.1' })).toEqual(['HostUnderlayLost.v1']);
    expect(says(site, 'Ready')).toMatchObject({ reason: 'HeartbeatsMissing' });
    site.act(HOST, 'Heard', {});
    expect(says(site, 'Ready')).toMatchObject({ reason: 'UnderlayTaken' });
  });
});

describe('FallBehind', () => {
  const since = '2026-01-01T00:00:00.500Z';

  it('notes once since when a silent host lags', () => {
    const site = given();
    site.lose(HOST);
    expect(site.act(HOST, 'FallBehind', { since })).toEqual(['HostFellBehind.v1', 'ConditionChanged.v1']);
    expect(conditionOf(site.state(hostKey(HOST))!.object, 'Converged')).toMatchObject({ status: 'False', reason: 'Pending' });
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

describe('The roles of a host (ADR 69)', () => {
  const [CARRIER, EDGE] = [['Compute'], ['Compute', 'Edge']];
  const rolesOf = (site: Site) => specOf(site.state(hostKey(HOST))!.object)['roles'];
  const says = (site: Site, roles: readonly string[], more: JsonObject = {}) =>
    site.act(HOST, 'RegisterHost', { ...AGENT, ...more, roles: [...roles] });
  const byHand = (site: Site, roles: readonly string[]) =>
    site.write(hostKey(HOST), { type: 'HostRolesChanged.v1', data: { roles: [...roles] } });

  it('are those that its agent says, from the first registration on', () => {
    const { facts } = new Site().decide(HOST, 'RegisterHost', { ...AGENT, roles: EDGE }) as Accepted;
    expect(facts).toMatchObject([{ type: 'HostCreated.v1', data: { spec: { roles: EDGE } } }]);
    const site = new Site();
    site.host(HOST);
    expect(says(site, EDGE)).toEqual(['HostRegistered.v1', 'HostRolesChanged.v1']);
    expect(rolesOf(site)).toEqual(EDGE);
    expect(says(site, EDGE)).toEqual([]);
    expect(says(site, CARRIER)).toEqual(['HostRegistered.v1', 'HostRolesChanged.v1']);
    expect(rolesOf(site)).toEqual(CARRIER);
  });

  it('stay as somebody set them by hand, until they are given back', () => {
    const site = new Site();
    site.host(HOST);
    says(site, EDGE);
    byHand(site, CARRIER);
    expect(says(site, EDGE, { startedAt: '2026-01-02T00:00:00Z' })).toEqual(['HostRegistered.v1']);
    byHand(site, EDGE);
    expect(says(site, CARRIER)).toContain('HostRolesChanged.v1');
  });

  it.each<[string, readonly string[]]>([
    ['an edge that carries nothing', ['Edge']],
    ['a host whose edge was taken away', CARRIER],
  ])('stay as they were set before agents said any: %s', (_what, roles) => {
    const site = new Site();
    site.host(HOST);
    byHand(site, EDGE);
    byHand(site, roles);
    expect(says(site, EDGE)).toEqual(['HostRegistered.v1']);
    expect(rolesOf(site)).toEqual(roles);
  });

  it('are left alone by an agent that says none', () => {
    const site = new Site();
    site.host(HOST);
    says(site, EDGE);
    expect(site.act(HOST, 'RegisterHost', { ...AGENT, version: '0' })).toEqual(['HostRegistered.v1']);
    expect(rolesOf(site)).toEqual(EDGE);
    expect(says(site, CARRIER)).toContain('HostRolesChanged.v1');
  });
});

describe('the events of a host', () => {
  it('match their schemas', () => {
    const site = given();
    site.write(hostKey(HOST), { type: 'HostRegistered.v1', data: { agent: 'agent-1', version: '', driver: '', startedAt: '' } });
    site.unplace('one');
    for (const [action, payload] of [
      ['Heard', { trouble: UNREADABLE, mtu: 1_500 }],
      ['Heard', {}],
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
