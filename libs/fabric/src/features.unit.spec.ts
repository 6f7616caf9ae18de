import { FEATURES, isBucketed } from './features.ts';

describe('Sections of buckets', () => {
  it('are those that give a target, or a host, for an address and a number', () => {
    const sections = FEATURES.flatMap(({ sections, public: side }) => [...sections, ...(side?.sections ?? [])]);
    const numbered = sections.filter(
      ({ key, value }) => key.length === 2 && key[1] === 'mark' && key[0] !== 'classid' && value !== undefined,
    );
    expect(sections.map(({ name }) => name).filter(isBucketed)).toEqual(numbered.map(({ name }) => name));
    expect(numbered.map(({ name }) => name)).toContain('lb_target4');
  });
});
