import { absent, type Command, type Fact, type JsonObject, registry } from '@weft/api';
import { factsOf, SPEC_REQUEST, specFor } from '@weft/testing';
import { namespaceKey, networkDomain, nicKey } from '../index.ts';
import { networkInterfaceKind } from './network-interface.kind.ts';

const KEY = nicKey('ns', 'one');
const KINDS = registry([networkDomain]);
const given = specFor(KINDS, KEY);
const metadata = { namespace: 'ns', name: 'one', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
const created = (...ips: string[]): Fact => ({
  type: 'NetworkInterfaceCreated.v1',
  data: { metadata, spec: { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: ips.map((value) => ({ value })) } },
});
const addressed = (data: JsonObject): Fact => ({ type: 'NetworkInterfaceAddressed.v1', data });
const placed: Fact = { type: 'NetworkInterfacePlaced.v1', data: { host: 'h' } };
const unplaced: Fact = { type: 'NetworkInterfaceUnplaced.v1', data: {} };
const readdress = (...ips: string[]) =>
  ({ verb: 'patch', key: KEY, patchType: 'merge', patch: { spec: { ips: ips.map((value) => ({ value })) } } }) as const;
const BOOK = 'AddressBook-ns.net';

describe('The number of an interface', () => {
  it('is claimed with the addresses of its creation, and noted', () => {
    const space = { ...absent(KINDS, namespaceKey('ns')), status: 'live' } as const;
    const object = { metadata: { name: 'one' }, spec: { networkRef: { name: 'net' }, ips: [{ value: '10.0.0.1' }] } };
    const { decision } = given()
      .when({ verb: 'create', kind: 'NetworkInterface', namespace: 'ns', object }, { facts: factsOf([space]) })
      .thenClaims({ stream: BOOK, command: { type: 'ClaimAddresses', ips: ['10.0.0.1'], request: SPEC_REQUEST, revision: '-1' } as never });
    expect(decision?.claims?.[0]?.command).not.toHaveProperty('hasMac');
    expect(decision?.whenGranted?.([{ index: 7, resting: '70' }])).toEqual([addressed({ ips: ['10.0.0.1'], index: 7, resting: '70' })]);
    expect(() => decision?.whenGranted?.([{ index: -1 }])).toThrow(/grant of addresses/);
  });

  it.each<[string, JsonObject]>([
    ['a number', { index: 7 }],
    ['a MAC of an older version', { mac: '02:00:00:00:10:00' }],
  ])('is not asked for when it has %s, which it keeps with other addresses and with none', (_what, own) => {
    const { state, when } = given(created('10.0.0.1'), addressed({ ips: ['10.0.0.1'], ...own }));
    expect(state.facts).toEqual(own);
    const { decision } = when(readdress('10.0.0.2')).thenClaims({ command: { ips: ['10.0.0.2'], hasMac: true, revision: '1' } as never });
    expect(decision?.whenGranted?.([{}])).toEqual([addressed({ ips: ['10.0.0.2'] })]);
    const later = given(
      created('10.0.0.1'),
      addressed({ ips: ['10.0.0.1'], ...own }),
      addressed({ ips: [] }),
      addressed({ ips: ['10.0.0.3'] }),
    );
    expect(later.state.facts).toEqual(own);
  });

  it('is claimed with the first addresses that it gets later', () => {
    const { decision } = given(created(), addressed({ ips: [] }))
      .when(readdress('10.0.0.2'))
      .thenClaims({ command: { ips: ['10.0.0.2'] } as never });
    expect(decision?.claims?.[0]?.command).not.toHaveProperty('hasMac');
    expect(decision?.whenGranted?.([{ index: 3 }])).toEqual([addressed({ ips: ['10.0.0.2'], index: 3 })]);
  });
});

describe('What an interface takes of Prefixes', () => {
  const take = (more: JsonObject): Exclude<Command, { verb: 'reserve' }> => {
    const payload = { uid: 'u', ofPrefixes: {}, ranges: {}, waits: [], conditions: [], ...more };
    return { verb: 'act', key: KEY, action: 'TakeAddresses', payload };
  };
  const has = given(created('10.0.0.1'), addressed({ ips: ['10.0.0.1'], index: 7 }));

  it('is nothing for a literal, and no range that it does not name, when a command comes late', () => {
    has.when(take({ ofPrefixes: { 0: '10.0.0.5', 1: '10.0.0.6' }, ranges: { 0: '10.9.0.0/24' } })).thenNothing();
    has.when(take({ uid: 'another' })).thenNothing();
  });
});

describe('An interface that is released', () => {
  it('is free when the machine that was meant holds it, and not when another one does by now', () => {
    const held = given(created(), { type: 'NetworkInterfaceClaimed.v1', data: { machineRef: { name: 'm', uid: 'new' } } });
    const release = (machine: string) => ({ verb: 'act', key: KEY, action: 'Release', payload: { uid: 'u', machine } }) as const;
    held.when(release('old')).thenNothing();
    held.when(release('new')).thenTypes('NetworkInterfaceReleased.v1');
  });
});

describe('What an interface gives back', () => {
  const numbered = [created('10.0.0.1'), addressed({ ips: ['10.0.0.1'], index: 7 })] as const;
  const releases = (past: readonly Fact[], command: Parameters<ReturnType<typeof given>['when']>[0]) =>
    given(...past)
      .when(command)
      .decided.decision?.releases?.map(({ stream, command }) => ({ stream, ...command }));
  const end = { verb: 'delete', key: KEY } as const;
  const release = (ips: string[], more: JsonObject) => [{ stream: BOOK, type: 'ReleaseAddresses', uid: 'u', ips, ...more }];

  it('is an address that it does not name any more, while it keeps the others', () => {
    expect(releases(numbered, readdress('10.0.0.2'))).toEqual(release(['10.0.0.1'], { inRows: false, revision: '1' }));
    expect(releases(numbered, readdress('10.0.0.1'))).toBeUndefined();
  });

  it('is everything at its end, with the position until which it was in rows', () => {
    expect(releases(numbered, end)).toEqual(release(['10.0.0.1'], { inRows: false, ended: true }));
    expect(releases([...numbered, placed], end)).toEqual(release(['10.0.0.1'], { inRows: true, ended: true }));
    expect(releases([...numbered, placed, unplaced], end)).toEqual(release(['10.0.0.1'], { inRows: false, leftRows: '40', ended: true }));
  });

  it('is none of the addresses and ranges that it has of Prefixes, when an earlier claim of them is abandoned', () => {
    const ips = { type: 'NetworkInterfaceAddressesChanged.v1', data: { ips: [{ ephemeral: {} }] } };
    const ranges = { type: 'NetworkInterfaceRangesTaken.v1', data: { ranges: { 0: '10.9.0.7/24' } } };
    const { state } = given(created(), ips, addressed({ ips: ['10.0.0.1'], ofPrefixes: { 0: '10.0.0.1' } }), ranges);
    const claim = {
      stream: BOOK,
      command: { type: 'ReleaseAddresses', uid: 'u', ips: ['10.0.0.1', '10.9.0.0/24', '10.0.0.2'], request: 'r' },
    };
    expect(networkInterfaceKind.unusedOf?.(state as never, claim, { cameAbout: true })?.command).toEqual({
      ...claim.command,
      ips: ['10.0.0.2'],
    });
  });

  it('is an address without its number, when a claim of it is abandoned that a repeat of its creation has made', () => {
    const claim = (uid: string, ips: readonly string[]) => ({
      stream: BOOK,
      command: { type: 'ReleaseAddresses', uid, ips: [...ips], request: 'r' },
    });
    const unused = (state: unknown, uid: string, ips: readonly string[], cameAbout = true) =>
      networkInterfaceKind.unusedOf?.(state as never, claim(uid, ips), { cameAbout })?.command;
    const { state } = given(...numbered);
    expect(unused(state, 'u', ['10.0.0.1', '10.0.0.2'])).toMatchObject({ ips: ['10.0.0.2'], keepsNumber: true });
    expect(unused(state, 'u', ['10.0.0.1'])).toBeUndefined();
    // What was claimed by a request that never came about is not in use by that.
    expect(unused(state, 'u', ['10.0.0.1'], false)).toMatchObject({ ips: ['10.0.0.1'], keepsNumber: true });
    // A former incarnation uses nothing.
    expect(unused(state, 'former', ['10.0.0.1'])).toEqual({ ...claim('former', ['10.0.0.1']).command, gone: true });
    expect(unused(given().state, 'u', ['10.0.0.1'], false)).toMatchObject({ ips: ['10.0.0.1'], gone: true });
  });

  it('is its number also when it has no address at its end', () => {
    const changed: Fact = { type: 'NetworkInterfaceAddressesChanged.v1', data: { ips: [] } };
    expect(releases([...numbered, changed, addressed({ ips: [] })], end)).toEqual(release([], { inRows: false, ended: true }));
  });

  it('is nothing when it never had any', () => {
    expect(releases([created(), addressed({ ips: [] })], end) ?? []).toEqual([]);
  });
});
