/** Loops of Prefixes and PrefixAllocations on a written log: when a failed request is made anew, and what loops are asked because of one change. */
import type { Fact, ObjectKey } from '@weft/api';
import { networkDomain } from '@weft/network';
import { WrittenLog } from '@weft/testing';
import { ipamDomain } from '../index.ts';
import { allocationKey, prefixKey } from '../testing/prefix-site.ts';

const ROOT = prefixKey('root');
const allocated = (taken?: Fact['data']): Fact => ({ type: 'PrefixAllocated.v1', data: taken === undefined ? {} : { taken } });

class Log extends WrittenLog {
  constructor() {
    super([networkDomain, ipamDomain]);
  }

  root(prefix = '10.0.0.0/16', key: ObjectKey = ROOT): this {
    this.create(key, { uid: key.name, spec: { ipFamily: 'IPv4', prefix }, finalizers: ['ipam.ironcore.dev/prefix'] });
    this.happen(key, allocated());
    return this;
  }

  child(name: string, spec: Fact['data'] = { prefixLength: 32, parentRef: { name: 'root' } }): this {
    this.create(prefixKey(name), { uid: name, spec: { ipFamily: 'IPv4', ...spec }, finalizers: ['ipam.ironcore.dev/prefix'] });
    return this;
  }

  /** The allocation that the loops make for a child; its name. */
  asks(child: string): string {
    const [draft] = this.owed('request-prefix-range').filter((each) => each.target === 'object' && each.key.name.startsWith(`${child}-`));
    if (draft?.target !== 'object' || !('object' in draft)) throw new Error('no allocation is made');
    const { metadata, spec } = draft.object as { metadata: Fact['data']; spec: Fact['data'] };
    const data = { metadata: { ...metadata, uid: `${child}-asks`, creationTimestamp: '2026-01-01T00:00:00Z' }, spec };
    this.happen(draft.key, { type: 'PrefixAllocationCreated.v1', data });
    return draft.key.name;
  }

  answers(child: string, allocation: string, answer: Fact['data']): this {
    const type = 'prefix' in answer ? 'PrefixRangeAllocated.v1' : 'PrefixRangeRefused.v1';
    const asking = { allocation: { name: allocation, uid: `${child}-asks` }, requester: { name: child, uid: child } };
    this.happen(ROOT, { type, data: { ...asking, ...answer } });
    return this;
  }

  /** A child that has its range. */
  served(child: string, prefix: string): this {
    const allocation = this.child(child).asks(child);
    this.answers(child, allocation, { prefix });
    this.happen(allocationKey(allocation), { type: 'PrefixAllocationGranted.v1', data: { prefix } });
    this.happen(prefixKey(child), allocated({ prefix, parent: 'root', allocation }));
    return this;
  }
}

describe('A failed request (resources 3.11)', () => {
  const failed = (attempt: number) => {
    const log = new Log().child('child', { prefixLength: 24, parentRef: { name: 'root' } });
    if (attempt > 0) log.happen(prefixKey('child'), { type: 'PrefixAllocationRetried.v1', data: { attempt } });
    log.happen(allocationKey(log.asks('child')), { type: 'PrefixAllocationFailed.v1', data: {} });
    return log;
  };
  const owed = (log: Log) => log.owed('request-prefix-range').map((draft) => 'payload' in draft && draft.payload['attempt']);

  it.each([
    [1, 0.01],
    [6, 0.32],
    [30, 1_000],
  ])('is made anew after a while that doubles each time: attempt %i after %d s', (attempt, seconds) => {
    const log = failed(attempt).root();
    expect(owed(log.passSeconds(seconds - 0.001))).toEqual([]);
    expect(owed(log.passSeconds(0.001))).toEqual([attempt + 1]);
  });

  it('waits for a parent of the name that could fit it', () => {
    const log = failed(0).passSeconds(5_000);
    expect(owed(log)).toEqual([]);
    expect(owed(log.root('10.0.0.0/24'))).toEqual([]);
    log.happen(ROOT, { type: 'PrefixEnded.v1', data: {} });
    expect(owed(log.root('10.0.0.0/23'))).toEqual([1]);
  });
});

describe('What loops are asked because of one change', () => {
  const logs = [1, 100].map((children) => {
    const log = new Log().root().child('waits', { prefix: '10.0.0.0/24', parentRef: { name: 'root' } });
    log.answers('waits', log.asks('waits'), { request: '10.0.0.0/24' });
    for (let i = 0; i < children; i++) log.served(`c${i}`, `10.0.0.${i}/32`);
    return log;
  });
  const both = (happens: (log: Log) => void) => {
    const counts = logs.map((log) => log.asked(() => happens(log)));
    return counts.map((each) => Object.fromEntries(Object.entries(each).filter(([name]) => name.includes('prefix'))));
  };

  it('is about the child alone when one comes, about its allocation and its parent when it gets its range', () => {
    const of = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, expect.any(Number)]));
    const own = of('request-prefix-range', 'take-prefix-range', 'report-prefix', 'protect-prefix');
    const [few, many] = both((log) => void log.child('new'));
    expect(few).toEqual(own);
    expect(many).toEqual(few);
    const names = logs.map((log) => log.asks('new'));
    const [fewGranted, manyGranted] = both((log) => void log.answers('new', names[0] as string, { prefix: '10.0.255.0/32' }));
    expect(manyGranted).toEqual(fewGranted);
    for (const count of Object.values(fewGranted ?? {})) expect(count).toBeLessThanOrEqual(2);
  });

  it('is about what waits for room when a range is given back, and about nobody when none comes of it', () => {
    const release = (child: string, prefix: string) => (log: Log) =>
      void log.happen(ROOT, { type: 'PrefixRangeReleased.v1', data: { holder: child, prefix } });
    const [few, many] = both(release('new', '10.0.255.0/32'));
    expect(many).toEqual(few);
    expect(many?.['allocate-prefix-range'] ?? 0).toBeLessThanOrEqual(1);
  });
});
