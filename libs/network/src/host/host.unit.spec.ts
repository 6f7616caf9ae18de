import type { ApiObject, JsonObject } from '@weft/api';
import { causesOf, created, type Outcome, objectOf } from '../testing/bare-kinds.ts';
import { hostColumns } from './host.columns.ts';
import { hostDefaults } from './host.defaults.ts';

const host = (spec: JsonObject, name = 'rack-1.host-7'): Outcome => created('Host', { metadata: { name }, spec });
const underlay: JsonObject = { ip: '192.0.2.1' };

describe('Host rules and defaults (resources 2.11)', () => {
  it.each<[string, Outcome, string[]]>([
    ['a name with dots', host({ underlay }), []],
    ['both roles', host({ underlay, roles: ['Compute', 'Edge'] }), []],
    ['no name', host({ underlay }, ''), ['Required metadata.name']],
    ['no address', host({}), ['Required spec.underlay.ip']],
    ['an address with a zone', host({ underlay: { ip: 'fe80::1%eth0' } }), ['Invalid spec.underlay.ip']],
    ['another role', host({ underlay, roles: ['Edge', 'Router'] }), ['NotSupported spec.roles[1]']],
    ['a role twice', host({ underlay, roles: ['Edge', 'Edge'] }), ['Duplicate spec.roles[1]']],
    ['an address that is none', host({ underlay: { ip: 'here' } }), ['HTTP 400']],
  ])('%s', (_case, outcome, expected) => {
    expect(causesOf(outcome)).toEqual(expected);
  });

  it('carries interfaces and takes new ones unless it says otherwise', () => {
    expect(objectOf(host({ underlay })).spec).toEqual({ underlay, roles: ['Compute'], unschedulable: false });
    const edge: JsonObject = { underlay, roles: ['Edge'] };
    expect(objectOf(host(edge)).spec).toEqual({ ...edge, unschedulable: false });
    const closed: JsonObject = { underlay, unschedulable: true };
    expect(objectOf(host(closed)).spec).toEqual({ ...closed, roles: ['Compute'] });
    const complete = objectOf(host({ ...edge, ...closed }));
    expect(complete.spec).toEqual({ ...edge, ...closed });
    expect(hostDefaults(complete)).toBe(complete);
  });
});

describe('Host columns', () => {
  const now = new Date('2026-01-01T00:05:00Z');
  const cells = (status: JsonObject) => {
    const object: ApiObject = { ...objectOf(host({ underlay })), status };
    return Object.fromEntries(hostColumns.map(({ name, cell }) => [name, cell(object, now)]));
  };
  it('shows no lag when nothing is pending', () => {
    expect(
      cells({
        index: 0,
        conditions: [
          { type: 'Converged', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      }),
    ).toEqual({
      Name: 'rack-1.host-7',
      Underlay: '192.0.2.1',
      Index: '0',
      Ready: 'True',
      Converged: 'False',
      MTU: '<unknown>',
      Driver: '<none>',
      Version: '<none>',
      Lag: '0s',
      Age: '5m',
    });
  });
  it('shows MTU, driver and version to those who ask for more', () => {
    const status = { index: 1, mtu: 9_000, agent: { version: '0.2.0', driver: 'linux', startedAt: '2026-01-01T00:00:00Z' } };
    expect(cells(status)).toMatchObject({ MTU: '9000', Driver: 'linux', Version: '0.2.0', Converged: 'Unknown' });
    expect(hostColumns.filter(({ priority }) => priority === 1).map(({ name }) => name)).toEqual(['MTU', 'Driver', 'Version']);
  });
  it('computes the lag when it is printed', () => {
    expect(cells({ pendingSince: '2026-01-01T00:04:18.400Z' })).toMatchObject({ Index: '<none>', Ready: 'Unknown', Lag: '41s' });
  });
});
