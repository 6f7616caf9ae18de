import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents } from '../log/event-set.ts';
import type { ApiObject } from './object.ts';
import { plainFieldEvolve, plainFieldFacts, plainFields } from './plain-fields.ts';

const events = defineEvents({
  'LampColourChanged.v1': Type.Object({ colour: Type.Optional(Type.String()) }),
  'LampTagsChanged.v1': Type.Object({ tags: Type.Optional(Type.Array(Type.String())) }),
  'LampMoved.v1': Type.Object({ colour: Type.Optional(Type.String()), to: Type.String() }),
});
type LampTypes = {
  spec: { colour?: string; tags?: string[] };
  status: object;
  facts: Record<never, never>;
  events: DataOf<typeof events>;
  actions: Record<never, never>;
  index: never;
};
const PLAIN = plainFields<LampTypes>()({ colour: 'LampColourChanged.v1', tags: 'LampTagsChanged.v1' });

const lamp = (spec?: LampTypes['spec']): ApiObject<LampTypes> => ({
  apiVersion: 'v1',
  kind: 'Lamp',
  metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  ...(spec && { spec }),
});

describe('Plain fields', () => {
  it('of which two specs differ become one event each', () => {
    const before = lamp({ colour: 'red', tags: ['a'] });
    expect(plainFieldFacts(PLAIN, before, lamp({ colour: 'red', tags: ['a'] }))).toEqual([]);
    expect(plainFieldFacts(PLAIN, before, lamp({ colour: 'blue', tags: ['a'] }))).toEqual([
      { type: 'LampColourChanged.v1', data: { colour: 'blue' } },
    ]);
    expect(plainFieldFacts(PLAIN, before, lamp())).toEqual([
      { type: 'LampColourChanged.v1', data: {} },
      { type: 'LampTagsChanged.v1', data: {} },
    ]);
  });

  it('are set and removed by the fold', () => {
    const evolve = plainFieldEvolve(PLAIN);
    const metadata = {} as never;
    const red = evolve['LampColourChanged.v1']({ object: lamp(), facts: {} }, { colour: 'red' }, metadata);
    expect(red.object).toEqual(lamp({ colour: 'red' }));
    expect(evolve['LampColourChanged.v1'](red, {}, metadata).object).toEqual(lamp({}));
  });

  it('are checked by the compiler', () => {
    const of = plainFields<LampTypes>();
    // @ts-expect-error an event of another field
    of({ colour: 'LampTagsChanged.v1' });
    // @ts-expect-error an event with more data than the field
    of({ colour: 'LampMoved.v1' });
    // @ts-expect-error no such field
    of({ colour: 'LampColourChanged.v1', size: 'LampColourChanged.v1' });
    // @ts-expect-error the fold of an event that was not named
    expect(plainFieldEvolve(of({ colour: 'LampColourChanged.v1' }))['LampTagsChanged.v1']).toBeUndefined();
  });
});
