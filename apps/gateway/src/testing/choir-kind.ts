/** A kind for tests of objects that are assembled when they are read (ADR 27): a choir of thousands of singers with two voices each. */
import { Type } from '@sinclair/typebox';
import {
  type ApiObject,
  accepted,
  assembly,
  type DataOf,
  type DomainModule,
  defineEvents,
  defineKind,
  domainOf,
  Int,
  type KindModule,
  kindRef,
  type Members,
  membersIn,
  NAME_COLUMN,
  NestedList,
  objectSchema,
  sameJson,
  Text,
  textColumn,
  withMember,
  withoutMember,
} from '@weft/api';
import { namespace } from './test-domain.ts';

class Voice {
  @Text('Who sings.') readonly singer?: string;
  @Int('Which voice.') readonly voice?: number;
}
class ChoirFields {
  @Text('What is sung.') readonly song?: string;
  @NestedList(() => Voice, 'Who sings which voice.') readonly voices?: readonly Voice[];
}

const choirEvents = defineEvents({
  'SingersJoined.v1': Type.Object({ singers: Type.Array(Type.String()) }),
  'SingerLeft.v1': Type.Object({ singer: Type.String() }),
  'SongChanged.v1': Type.Object({ song: Type.Optional(Type.String()) }),
});
const choirPayloads = { Join: Type.Object({ singers: Type.Array(Type.String()) }), Leave: Type.Object({ singer: Type.String() }) };
type ChoirTypes = {
  spec: object;
  status: object;
  fields: ChoirFields;
  facts: { singers: Members<true> };
  events: DataOf<typeof choirEvents>;
  actions: DataOf<typeof choirPayloads>;
  index: never;
};
const Choir = kindRef<ChoirTypes>('Choir');
const names = { group: 'test.weft.dev', version: 'v1', kind: 'Choir' } as const;
const model = { fields: ChoirFields } as const satisfies KindModule['model'];

const choir = defineKind<ChoirTypes>(Choir, {
  ...names,
  plural: 'choirs',
  singular: 'choir',
  shortNames: [],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: ({ namespace: key = '' }) => key,
  hasStatus: false,
  tracksGeneration: false,
  columns: [NAME_COLUMN, textColumn('Voices', 'How many.', ({ voices = [] }) => `${voices.length}`)],
  model,
  schema: objectSchema(names, 'A choir.', model),
  defaults: (object) => ({ ...object, voices: object.voices ?? [] }),
  rules: () => [],
  indexes: {},
  events: choirEvents,
  payloads: choirPayloads,
  assembly: assembly<ChoirTypes>()({
    pieces: ({ facts }) =>
      membersIn(facts.singers).flatMap(([singer]) => [
        { singer, voice: 1 },
        { singer, voice: 2 },
      ]),
    assemble: (object, voices) => ({ ...object, voices }),
  }),
  onChange: ({ object }, after: ApiObject<ChoirTypes>) =>
    accepted(sameJson(object.song, after.song) ? [] : [{ type: 'SongChanged.v1', data: { ...(after.song && { song: after.song }) } }]),
  actions: {
    Join: (_, { singers }) => accepted([{ type: 'SingersJoined.v1', data: { singers } }]),
    Leave: (_, { singer }) => accepted([{ type: 'SingerLeft.v1', data: { singer } }]),
  },
  evolve: {
    'SingersJoined.v1': ({ object, facts }, { singers }) => ({
      object,
      facts: { singers: singers.reduce<Members<true>>((all, singer) => withMember(all, singer, true), facts.singers) },
    }),
    'SingerLeft.v1': ({ object, facts }, { singer }) => ({ object, facts: { singers: withoutMember(facts.singers, singer) } }),
    'SongChanged.v1': ({ object, facts }, { song = '' }) => ({ object: { ...object, song }, facts }),
  },
  facets: { 'SingersJoined.v1': 'singers', 'SingerLeft.v1': 'singers', 'SongChanged.v1': 'song' },
  initialFacts: { singers: {} },
});

export const choirDomain: DomainModule = domainOf('network', [{ kinds: [namespace, choir] }]);
