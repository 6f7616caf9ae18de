/** A beacon that has its channel shines in its network as soon as that has a number, and as long as it has one. */
import { AnyNetwork, act, isDeleting, type Loop, loopOver, type NumberedNetwork, specOf, type View } from '@weft/api';
import { channelsInUse } from './beacon.channels.ts';
import { Beacon } from './beacon.types.ts';

const numberOfNetwork: View<NumberedNetwork, number> = {
  kind: AnyNetwork,
  name: 'number-for-a-beacon',
  facets: () => ['vni'],
  of: ({ facts: { vni } }) => vni,
};

export const lightBeacons: Loop = loopOver(Beacon, {
  name: 'light-beacons',
  context: 'lb',
  owed: (beacon, facts) => {
    if (isDeleting(beacon)) return [];
    const { key, object } = beacon;
    const { uid, namespace = '' } = object.metadata;
    const hasChannel = facts.record(channelsInUse, uid) !== undefined;
    const vni = hasChannel ? facts.see(numberOfNetwork, { namespace, name: specOf(object).networkRef?.name ?? '' }) : undefined;
    return vni === beacon.facts.vni ? [] : [act(Beacon, key, 'Shine', { uid, ...(vni !== undefined && { vni }) })];
  },
});
