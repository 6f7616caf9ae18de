import { CellCache } from './cell-cache.ts';

type Cell = { busy: boolean; owner: object; name: string };

describe('CellCache', () => {
  const owner = {};
  let made: string[];
  let cache: CellCache<Cell>;
  beforeEach(() => {
    made = [];
    cache = new CellCache<Cell>(8);
  });
  const get = (name: string, of: object = owner): Cell =>
    cache.getOrMake(name, of, () => {
      made.push(name);
      return { busy: false, owner: of, name };
    });

  it('keeps what is used, forgets what is not, and stays within its bound', () => {
    get('kept');
    for (let i = 0; i < 100; i++) {
      get(`n${i}`);
      get('kept');
      expect(cache.size).toBeLessThanOrEqual(8);
    }
    expect(made.filter((name) => name === 'kept')).toHaveLength(1);
    get('n0');
    expect(made.filter((name) => name === 'n0')).toHaveLength(2);
  });

  it('never drops a busy cell', () => {
    const busy = get('busy');
    busy.busy = true;
    for (let i = 0; i < 100; i++) get(`n${i}`);
    expect(get('busy')).toBe(busy);
  });

  it('replaces a cell of a former owner, also in the older generation', () => {
    const first = get('x');
    for (let i = 0; i < 5; i++) get(`n${i}`);
    const later = {};
    expect(get('x', later)).not.toBe(first);
    expect(get('x', later).owner).toBe(later);
    expect(get('x').owner).toBe(owner);
  });
});
