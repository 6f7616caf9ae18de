import { WrittenLog } from '@weft/testing';
import type { DomainModule, Fact } from '../kind/kind.ts';
import { kindRef } from '../kind/kind-types.ts';
import { ledgerRef } from '../kind/ledger.ts';
import { type Loop, loopOver } from '../kind/loop.ts';
import type { ObjectKey } from '../kind/object.ts';
import { registry } from '../registry/registry.ts';
import { testDomain } from '../testing/test-kind.ts';

const A: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'a' };
const B: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'b' };
const Thing = kindRef<never>('Thing');

/** Owes `a` what it sees of the stream of `b`. */
const looksAtB = loopOver(Thing, {
  name: 'looks-at-b',
  context: 'network',
  owed: (state, facts) => {
    const seen = facts.get(Thing, { namespace: 'ns', name: 'b' });
    if (state.key.name !== 'a' || seen === undefined) return [];
    return [{ target: 'object', key: A, action: 'See', payload: { status: seen.status, revision: `${seen.revision}` } }];
  },
});
const withLoop = (loop: Loop): DomainModule => ({ ...testDomain, loops: [loop] });
const abandoned: Fact = { type: 'ClaimAbandoned.v1', data: { requestId: 'r', releases: [] } };

// `owed` compares what tracked reads come to with what is asked anew.
describe('A loop that reads the state of a stream', () => {
  const given = () => {
    const log = new WrittenLog([withLoop(looksAtB)]);
    log.create(A);
    return log;
  };
  const seen = (log: WrittenLog) => log.owed('looks-at-b').map((draft) => ('payload' in draft ? draft.payload : {}));

  it('is asked again at each append to it after its object has ended', () => {
    const log = given();
    log.create(B);
    expect(seen(log)).toEqual([{ status: 'live', revision: '0' }]);
    log.end(B);
    expect(seen(log)).toEqual([{ status: 'absent', revision: '1' }]);
    log.happen(B, abandoned);
    expect(seen(log)).toEqual([{ status: 'absent', revision: '2' }]);
    log.create(B);
    expect(seen(log)).toEqual([{ status: 'live', revision: '3' }]);
  });

  it('is asked again at appends to one whose object never came', () => {
    const log = given();
    expect(seen(log)).toEqual([]);
    for (const revision of ['0', '1']) {
      log.happen(B, abandoned);
      expect(seen(log)).toEqual([{ status: 'absent', revision }]);
    }
  });
});

describe('A ledger of another context', () => {
  const foreign = ledgerRef<string>('foreign');
  const reads = loopOver(Thing, {
    name: 'reads',
    context: 'network',
    owed: ({ key }, facts) =>
      facts.record(foreign, key.name) === undefined ? [] : [{ target: 'object', key: A, action: 'See', payload: {} }],
  });

  it('is empty where no domain keeps it', () => {
    const log = new WrittenLog([{ ...withLoop(reads), reads: [foreign] }]);
    log.create(A);
    expect(log.owed('reads')).toEqual([]);
    expect(log.fold.record('foreign', 'a')).toBeUndefined();
  });

  it('is that of the domain that keeps it', () => {
    const ledger = { ...foreign, apply: () => {} };
    const kept = registry([
      { ...withLoop(reads), reads: [foreign] },
      { context: 'ipam', kinds: [], reservations: [], ledgers: [ledger] },
    ]);
    expect(kept.ledgers.filter((each) => each.ledger === 'foreign')).toEqual([ledger]);
  });

  it('must be known: a name that no domain keeps nor reads is misspelt', () => {
    const log = new WrittenLog([withLoop(reads)]);
    log.create(A);
    expect(() => log.owed('reads')).toThrow('no domain has a ledger "foreign"');
  });
});
