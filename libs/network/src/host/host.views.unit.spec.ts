import { type Fact, type Folded, factsOf, type View } from '@weft/api';
import { hostKey } from '../keys.ts';
import { Site } from '../testing/site.ts';
import type { HostTypes } from './host.types.ts';
import { healthOfHost, holds, readinessOfHost, underlayOfHost, unschedulableHost } from './host.views.ts';

const KEY = hostKey('host-a');
const condition = (type: string, status: string): Fact => ({
  type: 'ConditionChanged.v1',
  data: { type, status, reason: 'Test', message: '' },
});
const created = (uid: string): Fact => ({
  type: 'HostCreated.v1',
  data: {
    metadata: { name: 'host-a', uid, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { unschedulable: false, underlay: { ip: '192.0.2.1' } },
  },
});
const LIFE: readonly Fact[] = [
  created('first'),
  condition('Ready', 'True'),
  { type: 'NetworkHeld.v1', data: { vni: 200, network: 'ns/red' } },
  { type: 'NetworkHeld.v1', data: { vni: 201, network: 'ns/blue' } },
  { type: 'HostApplied.v1', data: { tables: {}, position: '1' } },
  { type: 'NetworkIdle.v1', data: { vni: 200, at: '5' } },
  { type: 'NetworkHeld.v1', data: { vni: 200, network: 'ns/red' } },
  { type: 'NetworkReleased.v1', data: { vni: 200 } },
  { type: 'HostCordoned.v1', data: {} },
  condition('Ready', 'False'),
  { type: 'HostUncordoned.v1', data: {} },
  { type: 'HostUnderlayLost.v1', data: { ip: '192.0.2.1' } },
  created('second'),
];

/** What the view gives after each event; undefined where the facets that it names have not changed, so that it is not evaluated. */
function looksAt<V>(view: View<HostTypes, V>, arg = ''): readonly (V | undefined)[] {
  const site = new Site();
  return LIFE.map((fact) => {
    const { before, after } = site.write(KEY, fact);
    const changed = view.facets?.(arg).some((facet) => before?.facets[facet] !== after?.facets[facet]);
    return changed ? view.of(typed(after), arg) : undefined;
  });
}

function typed(state: Folded | undefined): Folded<HostTypes> {
  const view = { get: () => state, list: () => [], by: () => [] };
  return factsOf(view).get<HostTypes>({ kind: 'Host' }, KEY)!;
}

describe('A view of a host is evaluated exactly when it may have changed', () => {
  it('holds: of each network', () => {
    const none = undefined;
    expect(looksAt(holds, '200')).toEqual([false, none, true, none, none, false, true, false, none, none, none, none, false]);
    expect(looksAt(holds, '201')).toEqual([false, none, none, true, none, none, none, none, none, none, none, none, false]);
  });

  /** By index into LIFE. */
  const at = (looks: Record<number, unknown>) => LIFE.map((_fact, i) => looks[i]);

  it('readiness: its incarnation, and whether it is Ready', () => {
    const of = (uid: string, ready: boolean) => ({ uid, ready });
    expect(looksAt(readinessOfHost)).toEqual(
      at({ 0: of('first', false), 1: of('first', true), 9: of('first', false), 12: of('second', false) }),
    );
  });

  it('health: what keeps interfaces on it from being Available', () => {
    expect(looksAt(healthOfHost)).toEqual(at({ 0: 'HostLost', 1: '', 9: 'HostUnready', 12: 'HostLost' }));
  });

  it('unschedulable', () => {
    expect(looksAt(unschedulableHost)).toEqual(at({ 0: false, 8: true, 10: false, 12: false }));
  });

  it('underlay: its incarnation and its address, empty when another host has taken that', () => {
    const of = (uid: string, ip: string) => ({ uid, ip });
    expect(looksAt(underlayOfHost)).toEqual(at({ 0: of('first', '192.0.2.1'), 11: of('first', ''), 12: of('second', '192.0.2.1') }));
  });
});
