import type { Change } from '../kind/kind.ts';
import { defineLedger, ledgerRef } from '../kind/ledger.ts';
import { Ledgers } from './ledgers.ts';

const counts = ledgerRef<number>('counts');

const NO_STATES = { get: () => undefined, list: () => [], by: () => [] };

describe('Ledgers', () => {
  const change = (stream: string) => ({ append: { stream } }) as unknown as Change;
  const make = () =>
    new Ledgers([
      defineLedger(counts, ({ append: { stream } }, records) => {
        const before = records.get(stream) ?? 0;
        if (before === 2) records.delete(stream);
        else records.put(stream, before + 1);
      }),
    ]);

  it('list what an append changed, and keep it', () => {
    const ledgers = make();
    expect(ledgers.apply(change('a'), NO_STATES)).toEqual([{ ledger: 'counts', key: 'a', before: undefined, after: 1 }]);
    expect(ledgers.apply(change('a'), NO_STATES)).toEqual([{ ledger: 'counts', key: 'a', before: 1, after: 2 }]);
    expect(ledgers.record('counts', 'a')).toBe(2);
    expect(ledgers.apply(change('a'), NO_STATES)).toEqual([{ ledger: 'counts', key: 'a', before: 2, after: undefined }]);
    expect([...ledgers.records('counts')]).toEqual([]);
  });

  it('give what has changed so that, put into others, records come in the same order', () => {
    const [ledgers, others] = [make(), make()];
    const take = (...streams: string[]) => {
      for (const stream of streams) ledgers.apply(change(stream), NO_STATES);
    };
    take('a', 'b', 'c');
    for (const piece of ledgers.all()) others.restore(piece);
    ledgers.note();
    take('d', 'a', 'a', 'e', 'a', 'd', 'b', 'd', 'd'); // `a` goes and comes again, `b` changes, `d` goes, comes, goes and comes.
    const pieces = ledgers.takeNoted();
    for (const piece of pieces) others.restore(piece);
    expect([...others.records('counts')]).toEqual([...ledgers.records('counts')]);
    expect([...ledgers.records('counts')]).toEqual([
      ['b', 2],
      ['c', 1],
      ['e', 1],
      ['a', 1],
      ['d', 1],
    ]);
    expect(ledgers.takeNoted()).toEqual([]);
  });

  it('know their oldest key, whatever comes, goes and comes again', () => {
    const seen: (string | undefined)[] = [];
    const ledgers = new Ledgers([
      defineLedger(counts, ({ append: { stream } }, records) => {
        const [what, key = ''] = stream.split(' ');
        if (what === 'put') records.put(key, 1);
        else records.delete(key);
        seen.push(records.oldest);
        expect(records.oldest).toBe([...records.keys()][0]);
      }),
    ]);
    const steps = [
      'put a',
      'put b',
      'put c',
      'drop a',
      'put a',
      'drop c',
      'drop b',
      'put c',
      'drop a',
      'drop c',
      'put b',
      'put a',
      'put b',
    ];
    for (const step of steps) ledgers.apply(change(step), NO_STATES);
    expect(seen).toEqual(['a', 'a', 'a', 'b', 'b', 'b', 'a', 'a', 'c', undefined, 'b', 'b', 'b']);
    for (let i = 0; i < 2_000; i++) ledgers.apply(change(i % 3 === 0 ? `drop ${i / 3}` : `put ${i}`), NO_STATES);
  });

  it('refuse a name that is not defined, and one that is defined twice', () => {
    expect(() => make().record('others', 'a')).toThrow('no domain has a ledger "others"');
    const one = defineLedger(counts, () => {});
    expect(() => new Ledgers([one, one])).toThrow('ledger "counts" is defined twice');
  });
});
