import type { Change } from '../kind/kind.ts';
import { defineLedger, ledgerRef } from '../kind/ledger.ts';
import { Ledgers } from './ledgers.ts';

const counts = ledgerRef<number>('counts');

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
    expect(ledgers.apply(change('a'))).toEqual([{ ledger: 'counts', key: 'a', before: undefined, after: 1 }]);
    expect(ledgers.apply(change('a'))).toEqual([{ ledger: 'counts', key: 'a', before: 1, after: 2 }]);
    expect(ledgers.record('counts', 'a')).toBe(2);
    expect(ledgers.apply(change('a'))).toEqual([{ ledger: 'counts', key: 'a', before: 2, after: undefined }]);
    expect([...ledgers.records('counts')]).toEqual([]);
  });

  it('refuse a name that is not defined, and one that is defined twice', () => {
    expect(() => make().record('others', 'a')).toThrow('no domain has a ledger "others"');
    const one = defineLedger(counts, () => {});
    expect(() => new Ledgers([one, one])).toThrow('ledger "counts" is defined twice');
  });
});
