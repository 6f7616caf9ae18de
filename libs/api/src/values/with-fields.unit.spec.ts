import { withFields } from './with-fields.ts';

describe('withFields', () => {
  it('gives the fields of both in order, the later ones where both have some, and changes neither', () => {
    const base = Object.freeze({ name: 'a', uid: '1' });
    const more = Object.freeze({ uid: '2', generation: 1 });
    const both = withFields(base, more);
    expect(both).toEqual({ name: 'a', uid: '2', generation: 1 });
    expect(Object.keys(both)).toEqual(['name', 'uid', 'generation']);
    expect(withFields(base, {})).not.toBe(base);
  });
});
