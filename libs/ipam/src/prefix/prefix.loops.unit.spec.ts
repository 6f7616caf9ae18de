/** Loops of Prefixes and PrefixAllocations on a written log: when a failed request is made anew, and what loops are asked because of one change. */
import type { Fact, Folded, ObjectKey } from '@weft/api';
import { networkDomain } from '@weft/network';
import { WrittenLog } from '@weft/testing';
import { ipamDomain } from '../index.ts';
import { allocationKey, prefixKey } from '../testing/prefix-site.ts';
import type { PrefixTypes } from './prefix.types.ts';
import { allocationNameOf } from './prefix.views.ts';

const ROOT = prefixKey('root');
const allocated = (taken?: Fact['data']): Fact => ({ type: 'PrefixAllocated.v1', data: taken === undefined ? {} : { taken } });

const REQUESTER = 'ipam.ironcore.dev/requester-uid';
const CHILD = { ipFamily: 'IPv4', prefixLength: 32, parentRef: { name: 'root' } };
const ASKS = { ipFamily: 'IPv4', prefixLength: 32, prefixRef: { name: 'root' } };
const identity = (name: string, uid = name) => ({ name, uid });

class Log extends WrittenLog {
  constructor() {
    super([networkDomain, ipamDomain]);
    this.create({ kind: 'Namespace', name: 'ns' });
  }

  /** A Prefix that has its range. Its uid is its name. */
  root(prefix = '10.0.0.0/16', key: ObjectKey = ROOT): this {
    this.create(key, { uid: key.name, spec: { ipFamily: 'IPv4', prefix }, finalizers: ['ipam.ironcore.dev/prefix'] });
    this.happen(key, allocated());
    return this;
  }

  child(name = 'child', spec: Fact['data'] = {}, uid = name): this {
    this.create(prefixKey(name), { uid, spec: { ...CHILD, ...spec }, finalizers: ['ipam.ironcore.dev/prefix'] });
    return this;
  }

  /** Name of the allocation that counts for a child. */
  nameOf(child = 'child'): string {
    const state = this.fold.get(prefixKey(child)) as Folded<PrefixTypes> | undefined;
    return state === undefined ? '' : allocationNameOf(state);
  }

  /** An allocation whose requester has this name and uid; without, one that was made for nobody. */
  allocation(name: string, uid: string, requester?: Readonly<{ name: string; uid: string }>, spec: Fact['data'] = {}): this {
    const made = requester && {
      labels: { [REQUESTER]: requester.uid },
      ownerReferences: [{ apiVersion: 'ipam.ironcore.dev/v1alpha1', kind: 'Prefix', ...requester, controller: true }],
    };
    const metadata = { namespace: 'ns', name, uid, creationTimestamp: '2026-01-01T00:00:00Z', ...made };
    this.happen(allocationKey(name), { type: 'PrefixAllocationCreated.v1', data: { metadata, spec: { ...ASKS, ...spec } } });
    return this;
  }

  /** The allocation that the loops make for a child. */
  asks(child = 'child', spec: Fact['data'] = {}): this {
    return this.allocation(this.nameOf(child), `${child}-asks`, identity(child), spec);
  }

  /** What the root says to a child. */
  answers(answer: Readonly<{ prefix: string } | { request: string }>, child = 'child', uid = child): this {
    const type = 'prefix' in answer ? 'PrefixRangeAllocated.v1' : 'PrefixRangeRefused.v1';
    const asking = { allocation: identity(this.nameOf(child), `${child}-asks`), requester: identity(child, uid) };
    this.happen(ROOT, { type, data: { ...asking, ...answer } });
    return this;
  }

  granted(prefix: string, child = 'child'): this {
    this.happen(allocationKey(this.nameOf(child)), { type: 'PrefixAllocationGranted.v1', data: { prefix } });
    return this;
  }

  takes(prefix: string, child = 'child', parent = 'root'): this {
    this.happen(prefixKey(child), allocated({ prefix, parent, allocation: this.nameOf(child) }));
    return this;
  }

  /** A child that has its range. */
  served(child: string, prefix: string): this {
    return this.child(child).asks(child).answers({ prefix }, child).granted(prefix, child).takes(prefix, child);
  }

  deleting(key: ObjectKey): this {
    this.requestDeletion(key);
    return this;
  }

  ended(key: ObjectKey): this {
    this.end(key);
    return this;
  }

  /** What loops owe beside conditions: `<kind> <name> <what>`. */
  todo(): readonly string[] {
    return this.owed().flatMap((draft) => {
      if (draft.target !== 'object' || !draft.key.kind.startsWith('Prefix')) return [];
      const what = 'action' in draft ? draft.action : draft.verb;
      return what.startsWith('Report') ? [] : [`${draft.key.kind} ${draft.key.name} ${what}`];
    });
  }
}

describe('A failed request (resources 3.11)', () => {
  const failed = (attempt: number) => {
    const log = new Log().child('child', { prefixLength: 24 });
    if (attempt > 0) log.happen(prefixKey('child'), { type: 'PrefixAllocationRetried.v1', data: { attempt } });
    log.happen(allocationKey(log.asks('child', { prefixLength: 24 }).nameOf()), { type: 'PrefixAllocationFailed.v1', data: {} });
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

const RANGE = '10.0.0.0/32';
const ask = (log: Log, what: string) => log.todo().filter((each) => each.endsWith(what));

describe('A child without a range', () => {
  const retries = ['Prefix child RetryAllocation'];

  it('has an allocation made for it, once', () => {
    const log = new Log().child();
    expect(log.todo()).toEqual([`PrefixAllocation ${log.nameOf()} create`]);
    expect(log.asks().todo()).toEqual([]);
  });

  it.each<[string, (log: Log) => Log]>([
    ['made for nobody', (log) => log.allocation(log.nameOf(), 'other')],
    ['made for another incarnation of it', (log) => log.allocation(log.nameOf(), 'other', identity('child', 'before'))],
    ['asks for something else', (log) => log.asks('child', { prefixLength: 31 })],
    ['is of the other family', (log) => log.asks('child', { ipFamily: 'IPv6' })],
    ['asks another parent', (log) => log.asks('child', { prefixRef: { name: 'other' } })],
  ])('tries another name when the allocation under the first one was %s', (_title, made) => {
    const log = made(new Log().child());
    expect(ask(log, 'RetryAllocation')).toEqual(retries);
    const [before] = [log.nameOf()];
    log.happen(prefixKey('child'), { type: 'PrefixAllocationRetried.v1', data: { attempt: 1 } });
    expect(log.nameOf()).not.toBe(before);
    expect(ask(log, 'create')).toEqual([`PrefixAllocation ${log.nameOf()} create`]);
  });

  it('takes what its allocation has, unless it is being deleted', () => {
    const log = new Log().root().child().asks().answers({ prefix: RANGE }).granted(RANGE);
    expect(log.todo()).toEqual(['Prefix child TakeRange']);
    expect(ask(log.deleting(prefixKey('child')), 'TakeRange')).toEqual([]);
  });

  it('does not take what an allocation has that was made for somebody else', () => {
    const log = new Log().root().child();
    log.allocation(log.nameOf(), 'other', identity('child', 'before')).granted(RANGE);
    expect(ask(log, 'TakeRange')).toEqual([]);
  });

  it('that is being deleted asks for nothing', () => {
    expect(ask(new Log().child().deleting(prefixKey('child')), 'create')).toEqual([]);
  });
});

describe('A range that was given out is taken back', () => {
  const releases = ['Prefix root ReleaseRange'];
  const given = () => new Log().root().child().asks().answers({ prefix: RANGE });
  const literal = (prefix: string) => (log: Log) => {
    log.happen(prefixKey('child'), { type: 'PrefixLiteralSpecified.v1', data: { prefix } });
    return log;
  };
  it.each<[string, (log: Log) => Log, readonly string[]]>([
    ['not while the child may take it', (log) => log, []],
    ['not when the child has it', (log) => log.granted(RANGE).takes(RANGE), []],
    ['not when the child is being deleted', (log) => log.deleting(prefixKey('child')), []],
    ['not when the child asks for it by name', literal(RANGE), []],
    ['not when its allocation has gone', (log) => log.ended(allocationKey(log.nameOf())), []],
    ['when the child has gone', (log) => log.ended(prefixKey('child')), releases],
    ['when the child is another one', (log) => log.ended(prefixKey('child')).child('child', {}, 'later'), releases],
    ['when the child asks for another one', literal('10.0.0.9/32'), releases],
    ['when the child has another one', (log) => log.takes('10.0.0.9/32'), releases],
    ['when the child has one of another parent', (log) => log.takes(RANGE, 'child', 'other'), releases],
  ])('%s', (_title, happens, expected) => {
    expect(ask(happens(given()), 'ReleaseRange')).toEqual(expected);
  });

  it('not while the allocation is there that was made for no child, and when it is not', () => {
    const log = new Log().root().allocation('own', 'u1');
    log.happen(ROOT, { type: 'PrefixRangeAllocated.v1', data: { allocation: identity('own', 'u1'), prefix: RANGE } });
    expect(ask(log, 'ReleaseRange')).toEqual([]);
    expect(ask(log.ended(allocationKey('own')).allocation('own', 'u2'), 'ReleaseRange')).toEqual(releases);
  });

  it('with its Prefix, of which no record is left', () => {
    const log = given().child('late').asks('late').answers({ request: '/32' }, 'late').ended(ROOT);
    expect([...log.fold.records('prefix-ranges')]).toEqual([]);
    expect(ask(log, 'ReleaseRange')).toEqual([]);
  });
});

describe('A refusal is forgotten', () => {
  const refused = () => new Log().root().child().asks().answers({ request: '/32' });
  const releases = ['Prefix root ReleaseRange'];
  const again = (log: Log) => log.ended(allocationKey(log.nameOf()));
  it.each<[string, (log: Log) => Log, readonly string[]]>([
    ['not while the allocation asks', (log) => log, []],
    ['when the allocation has gone', again, releases],
    ['when it is another one', (log) => again(log).allocation(log.nameOf(), 'later', identity('child')), releases],
    [
      'when it has failed',
      (log) => {
        log.happen(allocationKey(log.nameOf()), { type: 'PrefixAllocationFailed.v1', data: {} });
        return log;
      },
      releases,
    ],
    ['when it asks another parent', (log) => again(log).asks('child', { prefixRef: { name: 'other' } }), releases],
    [
      'when the child has another allocation',
      (log) => {
        log.happen(prefixKey('child'), { type: 'PrefixAllocationRetried.v1', data: { attempt: 1 } });
        return log;
      },
      releases,
    ],
  ])('%s', (_title, happens, expected) => {
    expect(ask(happens(refused()), 'ReleaseRange')).toEqual(expected);
  });
});

describe('A PrefixAllocation', () => {
  const asking = () => new Log().root().child().asks();
  const asks = ['Prefix root AllocateRange'];

  it('asks its Prefix once, and again when there is room', () => {
    const log = asking();
    expect(log.todo()).toEqual(asks);
    const full = new Log().root('10.0.0.0/31').served('a', '10.0.0.0/32').served('b', '10.0.0.1/32').child().asks();
    expect(full.todo()).toEqual(asks);
    expect(full.answers({ request: '/32' }).todo()).toEqual([]);
    full.happen(ROOT, { type: 'PrefixRangeReleased.v1', data: { holder: 'a', prefix: '10.0.0.0/32' } });
    expect(full.todo()).toEqual(asks);
  });

  it('asks nobody when it is being deleted, when it is outdated, and when its Prefix is being deleted', () => {
    const log = asking();
    expect(ask(log.deleting(allocationKey(log.nameOf())), 'AllocateRange')).toEqual([]);
    expect(ask(asking().deleting(ROOT), 'AllocateRange')).toEqual([]);
    expect(ask(new Log().root().child().allocation('old', 'old', identity('child')), 'AllocateRange')).toEqual([]);
  });

  it('says that no Prefix suits it only if none does', () => {
    const said = (log: Log) => log.owed('report-prefix-allocation').map((draft) => 'payload' in draft && draft.payload['reason']);
    const log = new Log();
    const metadata = { namespace: 'ns', name: 'picks', uid: 'picks', creationTimestamp: '2026-01-01T00:00:00Z' };
    const spec = { ipFamily: 'IPv4', prefixLength: 32, prefixSelector: {} };
    log.happen(allocationKey('picks'), { type: 'PrefixAllocationCreated.v1', data: { metadata, spec } });
    expect(said(log)).toEqual(['NoSuitablePrefix']);
    expect(said(log.root())).toEqual([]);
  });

  it('accepts what it was given, also of a Prefix that is being deleted', () => {
    const log = asking().answers({ prefix: RANGE });
    const accepts = [`PrefixAllocation ${log.nameOf()} Accept`];
    expect(log.todo()).toEqual(accepts);
    expect(log.deleting(ROOT).todo()).toEqual(accepts);
  });

  it('does not accept what it does not ask for', () => {
    const log = asking().answers({ prefix: '10.0.0.0/31' });
    expect(log.todo()).toEqual(['Prefix root ReleaseRange']);
  });

  it('goes when its Prefix has gone, is another one, or has another allocation', () => {
    const deletes = (log: Log, name: string) => ask(log, 'delete').includes(`PrefixAllocation ${name} delete`);
    const log = asking();
    const name = log.nameOf();
    expect(deletes(log, name)).toBe(false);
    expect(deletes(log.ended(prefixKey('child')), name)).toBe(true);
    expect(deletes(log.child('child', {}, 'later'), name)).toBe(true);
    const forged = asking();
    forged.allocation('forged', 'forged', identity('child'));
    expect(ask(forged, 'delete')).toEqual(['PrefixAllocation forged delete']);
    expect(ask(forged.deleting(allocationKey('forged')), 'delete')).toEqual([]);
    const twin = new Log().child();
    twin.allocation(twin.nameOf(), 'u', identity('child', 'before'));
    expect(ask(twin, 'delete')).toEqual([`PrefixAllocation ${twin.nameOf()} delete`]);
  });
});

describe('What loops are asked because of one change', () => {
  const logs = [1, 100].map((children) => {
    const log = new Log().root().child('waits', { prefix: '10.0.0.0/24' });
    log.asks('waits', { prefix: '10.0.0.0/24' }).answers({ request: '10.0.0.0/24' }, 'waits');
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
    for (const log of logs) log.asks('new');
    const [fewGranted, manyGranted] = both((log) => void log.answers({ prefix: '10.0.255.0/32' }, 'new'));
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
