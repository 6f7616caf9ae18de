import { type Fact, type Folded, factsOf, type View } from '@weft/api';
import { hostKey } from '../keys.ts';
import { Site } from '../testing/site.ts';
import type { HostTypes } from './host.types.ts';
import { holds, readinessOfHost } from './host.views.ts';

const KEY = hostKey('host-a');
const condition = (type: string, status: string): Fact => ({
  type: 'ConditionChanged.v1',
  data: { type, status, reason: 'Test', message: '' },
});
const created = (uid: string): Fact => ({
  type: 'HostCreated.v1',
  data: { metadata: { name: 'host-a', uid, creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { unschedulable: false } },
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
    expect(looksAt(holds, '200')).toEqual([false, none, true, none, none, false, true, false, none, none, none, false]);
    expect(looksAt(holds, '201')).toEqual([false, none, none, true, none, none, none, none, none, none, none, false]);
  });

  it('readiness: its incarnation, whether it is Ready and takes interfaces', () => {
    const of = (uid: string, ready: boolean, unschedulable: boolean) => ({ uid, ready, unschedulable });
    const none = undefined;
    expect(looksAt(readinessOfHost)).toEqual([
      of('first', false, false),
      of('first', true, false),
      ...[none, none, none, none, none, none],
      of('first', true, true),
      of('first', false, true),
      of('first', false, false),
      of('second', false, false),
    ]);
  });
});
