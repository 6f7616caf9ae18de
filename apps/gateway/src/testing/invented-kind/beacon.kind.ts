import {
  AGE_COLUMN,
  accepted,
  conditionFacts,
  defineKind,
  type FactOf,
  NAME_COLUMN,
  objectSchema,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  ready,
  required,
  specOf,
  statusOf,
  textColumn,
  withCondition,
  withStatus,
} from '@weft/api';
import { channelOf, claimChannel, freeChannel } from './beacon.channels.ts';
import { beaconModel } from './beacon.model.ts';
import { Beacon, type BeaconTypes, beaconEvents, beaconPayloads } from './beacon.types.ts';

const names = { group: 'invented.weft.dev', version: 'v1alpha1', kind: 'Beacon' } as const;
const PLAIN = plainFields<BeaconTypes>()({ colour: 'BeaconColourChanged.v1' });
type BeaconFact = FactOf<BeaconTypes>;

export const beaconKind = defineKind<BeaconTypes>(Beacon, {
  ...names,
  plural: 'beacons',
  singular: 'beacon',
  shortNames: ['bcn'],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'lb',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  tracksGeneration: false,
  columns: [
    NAME_COLUMN,
    textColumn('State', 'Whether it is seen.', (object) => statusOf(object).state ?? ''),
    textColumn('Colour', 'What it looks like.', (object) => specOf(object).colour ?? ''),
    AGE_COLUMN,
  ],
  schema: objectSchema(names, 'A light that stands in a network.', beaconModel),
  model: beaconModel,
  defaults: (object) => ({ ...object, spec: { ...object.spec, colour: specOf(object).colour ?? 'red' } }),
  rules: (object) => (specOf(object).networkRef?.name === undefined ? [required('spec.networkRef.name')] : []),
  selectableFields: (object) => ({ 'spec.colour': specOf(object).colour ?? '' }),
  indexes: { channel: ({ facts: { channel } }) => (channel === undefined ? [] : [`${channel}`]) },
  events: beaconEvents,
  payloads: beaconPayloads,
  onCreate: ({ metadata: { namespace = '', name, uid } }) =>
    accepted<BeaconFact>([], {
      claims: [claimChannel({ namespace, name, uid })],
      whenGranted: ([grant]) => [{ type: 'BeaconTuned.v1', data: { channel: channelOf(grant) } }],
    }),
  onChange: (before, after) => accepted(plainFieldFacts(PLAIN, before.object, after)),
  onEnd: ({ object: { metadata } }) => ({ releases: [freeChannel(metadata.namespace ?? '', metadata.uid)] }),
  actions: {
    Shine: (before, { uid, vni }) => {
      if (before.status !== 'live' || before.object.metadata.uid !== uid || before.facts.vni === vni) return accepted([]);
      const shines =
        vni === undefined ? ready('False', 'NetworkNotAvailable', 'waits for its network') : ready('True', 'Shining', `in ${vni}`);
      const changed: BeaconFact = { type: 'BeaconLightChanged.v1', data: vni === undefined ? {} : { vni } };
      return accepted([changed, ...conditionFacts(before.object, shines)]);
    },
  },
  evolve: {
    ...plainFieldEvolve(PLAIN),
    'BeaconTuned.v1': ({ object, facts }, { channel }) => ({ object: withStatus(object, { channel }), facts: { ...facts, channel } }),
    'BeaconLightChanged.v1': ({ object, facts: { vni: _, ...facts } }, { vni }) => ({
      object: withStatus(object, { state: vni === undefined ? 'Dark' : 'Shining' }),
      facts: vni === undefined ? facts : { ...facts, vni },
    }),
  },
  onCreated: ({ object, facts }, { time }) => ({
    object: withCondition(withStatus(object, { state: 'Dark' }), ready('False', 'NetworkNotAvailable', 'waits for its network'), time),
    facts,
  }),
  facets: { 'BeaconColourChanged.v1': 'spec.colour', 'BeaconTuned.v1': 'channel', 'BeaconLightChanged.v1': 'light' },
  initialFacts: {},
});
