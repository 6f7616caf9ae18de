import fc from 'fast-check';
import { subjectMatches } from './subject-rules.ts';
import { nameToToken, parseSubject, type Subject, subjects, tokenToName } from './subjects.ts';

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));

const samples: [string, Subject][] = [
  [subjects.command('network', 63), { of: 'cmd', context: 'network', partition: 63 }],
  [subjects.lease('events', 'hello'), { of: 'lease', context: 'events', verb: 'hello' }],
  [
    subjects.event('lb', { kind: 'LoadBalancer', namespace: 'shop', name: 'web.front' }),
    { of: 'event', context: 'lb', kind: 'LoadBalancer', namespace: 'shop', name: 'web.front' },
  ],
  [subjects.event(undefined, { kind: 'Host', name: 'a' }), { of: 'event', context: '', kind: 'Host', namespace: '', name: 'a' }],
  [subjects.logProgress(), { of: 'log-progress' }],
  [subjects.groupsHeard(), { of: 'groups-heard' }],
  [subjects.lease('ipam', 'announce'), { of: 'lease', context: 'ipam', verb: 'announce' }],
  [
    subjects.rowsDelta('network', 'placements.host-1.example'),
    { of: 'rows-delta', context: 'network', table: 'placements.host-1.example' },
  ],
  [subjects.rowsSnapshot('network', 'endpoints.200'), { of: 'rows-snapshot', context: 'network', table: 'endpoints.200' }],
  [subjects.rowsProgress('lb'), { of: 'rows-progress', context: 'lb' }],
  [subjects.rowsAsk('lb'), { of: 'rows-ask', context: 'lb', term: 'any' }],
  [subjects.rowsAsk('lb', '000123-ab'), { of: 'rows-ask', context: 'lb', term: '000123-ab' }],
  [subjects.host('host-1.example', 'heartbeat'), { of: 'host', host: 'host-1.example', topic: 'heartbeat' }],
  [subjects.agent('host-1', 'resync'), { of: 'agent', host: 'host-1', verb: 'resync' }],
  [subjects.health('network-svc'), { of: 'health', service: 'network-svc' }],
  [subjects.settings(), { of: 'settings' }],
  [subjects.explain('lb'), { of: 'explain', context: 'lb' }],
  [subjects.rebuild('lb'), { of: 'rebuild', context: 'lb' }],
];

describe('Subjects', () => {
  it('come apart as they were built', () => {
    for (const [subject, parsed] of samples) expect([subject, parseSubject(subject)]).toEqual([subject, parsed]);
  });

  it('differ from each other', () => {
    expect(new Set(samples.map(([subject]) => subject)).size).toBe(samples.length);
  });

  it('are what they look like on the wire', () => {
    expect(subjects.command('network', 7)).toBe('weft.cmd.network.7');
    expect(subjects.rowsDelta('network', 'placements.host-1.example')).toBe('weft.rows.network.delta.placements_host-1_example');
    expect(subjects.host('a.b', 'applied')).toBe('weft.host.a_b.applied');
  });

  it('meet the patterns for all of their kind', () => {
    expect(subjectMatches(subjects.anyHost('heartbeat'), subjects.host('a.b.c', 'heartbeat'))).toBe(true);
    expect(subjectMatches(subjects.anyHost('heartbeat'), subjects.host('a.b.c', 'applied'))).toBe(false);
    expect(subjectMatches(subjects.anyHealth(), subjects.health('lb-svc'))).toBe(true);
  });

  it.each([
    'weft',
    'weft.cmd',
    'weft.cmd.network',
    'weft.cmd.network.64',
    'weft.cmd.network.07',
    'weft.cmd.elsewhere.1',
    'weft.cmd.network.1.more',
    'weft.host.a.dance',
    'weft.host.a.b.heartbeat',
    'weft.rows.network.delta',
    'weft.rows.network.delta.a.b',
    'weft.rows.network.gamma.a',
    'weft.health.a.b',
    'weft.explain.other',
    'weft.explain.lb.x',
    'other.cmd.network.1',
    'weft.nonsense.a',
  ])('know nothing of %s', (subject) => {
    expect(parseSubject(subject)).toBeUndefined();
  });

  it('write every dotted name as one token, one to one', () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(nameToToken(one)).not.toMatch(/[.*>\s]/);
        expect(tokenToName(nameToToken(one))).toBe(one);
        expect(nameToToken(one) === nameToToken(other)).toBe(one === other);
      }),
    );
  });

  it('write no name as _, which is no name’s token', () => {
    expect([nameToToken(undefined), nameToToken('')]).toEqual(['_', '_']);
    expect(tokenToName('_')).toBe('');
    fc.assert(fc.property(name, (each) => nameToToken(each) !== '_'));
  });

  it.each(['.', 'a.', '.a', 'a..b', 'a_b', '_', 'a b', 'a*', 'a>', 'ä', 'a/b'])('refuse the name %j', (bad) => {
    expect(() => nameToToken(bad)).toThrow(TypeError);
  });

  it.each(['', '__', 'a_', '_a', 'a.b', 'a__b'])('refuse the token %j', (bad) => {
    expect(tokenToName(bad)).toBeUndefined();
  });

  it.each([-1, 64, 1.5, Number.NaN])('refuse partition %d', (partition) => {
    expect(() => subjects.command('network', partition)).toThrow(TypeError);
  });
});
