/** What Prefixes and PrefixAllocations decide by their own state, when a command comes late or twice: loops do not run here. */
import type { JsonObject, ObjectKey } from '@weft/api';
import { allocationKey, PrefixSite, prefixKey } from '../testing/prefix-site.ts';

const CHILD = { ipFamily: 'IPv4', prefixLength: 28, parentRef: { name: 'root' } };
const ASKS = { ipFamily: 'IPv4', prefixLength: 28, prefixRef: { name: 'root' } };
const ALLOCATION = { name: 'a', uid: 'ua' };

class Decisions extends PrefixSite {
  /** The types of the events that come of an action. */
  after(key: ObjectKey, action: string, payload: JsonObject): readonly string[] {
    const from = this.world.position;
    this.world.send({ verb: 'act', key, action, payload: { uid: this.world.object(key)?.metadata.uid ?? '', ...payload } });
    return this.world.log.filter(({ position }) => position > from).map(({ type }) => type);
  }

  allocate(request: string, more: JsonObject = {}): readonly string[] {
    return this.after(prefixKey('root'), 'AllocateRange', { family: 'IPv4', request, allocation: ALLOCATION, ...more });
  }

  remove(key: ObjectKey): this {
    this.world.send({ verb: 'delete', key });
    return this;
  }
}

describe('A Prefix', () => {
  const started = () => {
    const site = new Decisions();
    site.send('Prefix', 'root', { prefix: '10.0.0.0/24' });
    return site;
  };

  it('gives a holder one range, whoever of its allocations asks', () => {
    const site = started();
    const requester = { name: 'child', uid: 'uc' };
    expect(site.allocate('/28', { requester })).toEqual(['PrefixRangeAllocated.v1']);
    expect(site.allocate('/28', { requester, allocation: { name: 'b', uid: 'ub' } })).toEqual([]);
    expect(site.used('root')).toEqual(['10.0.0.0/28']);
  });

  it('says once that there is no such range', () => {
    const site = started();
    site.allocate('10.0.0.0/25', { allocation: { name: 'b', uid: 'ub' } });
    site.allocate('10.0.0.128/25', { allocation: { name: 'c', uid: 'uc' } });
    expect(site.allocate('/28')).toEqual(['PrefixRangeRefused.v1']);
    expect(site.allocate('/28')).toEqual([]);
    expect(site.allocate('/29')).toEqual(['PrefixRangeRefused.v1']);
  });

  it('gives nothing as another incarnation, nor while it is being deleted', () => {
    const site = started();
    expect(site.allocate('/28', { uid: 'before' })).toEqual([]);
    expect(site.remove(prefixKey('root')).allocate('/28')).toEqual([]);
  });

  it('takes back what the holder has, once, and nothing else', () => {
    const site = started();
    site.allocate('/28');
    const release = (more: JsonObject) => site.after(prefixKey('root'), 'ReleaseRange', { holder: 'ua', ...more });
    expect(release({ prefix: '10.0.0.16/28' })).toEqual([]);
    expect(release({ uid: 'before', prefix: '10.0.0.0/28' })).toEqual([]);
    expect(release({})).toEqual([]);
    expect(release({ prefix: '10.0.0.0/28' })).toEqual(['PrefixRangeReleased.v1']);
    expect(release({ prefix: '10.0.0.0/28' })).toEqual([]);
  });

  it('does not go while it has given out something', () => {
    const site = started();
    site.allocate('/28');
    site.remove(prefixKey('root'));
    expect(site.after(prefixKey('root'), 'Unprotect', {})).toEqual([]);
    site.after(prefixKey('root'), 'ReleaseRange', { holder: 'ua', prefix: '10.0.0.0/28' });
    expect(site.after(prefixKey('root'), 'ReportBlockers', { message: 'late' })).toEqual([]);
    expect(site.after(prefixKey('root'), 'Unprotect', {})).toContain('PrefixEnded.v1');
  });
});

describe('A child', () => {
  const started = () => {
    const site = new Decisions();
    site.send('Prefix', 'child', CHILD);
    return site;
  };
  const take = (site: Decisions, more: JsonObject = {}) =>
    site.after(prefixKey('child'), 'TakeRange', { prefix: '10.0.0.0/28', parent: 'root', allocation: 'child-abcde', ...more });

  it('takes one range that it asks for, once', () => {
    const site = started();
    expect(take(site, { uid: 'before' })).toEqual([]);
    expect(take(site, { prefix: '10.0.0.0/29' })).toEqual([]);
    expect(take(site, { parent: 'other' })).toEqual([]);
    expect(take(site)).toContain('PrefixAllocated.v1');
    expect(take(site, { prefix: '10.0.0.16/28' })).toEqual([]);
  });

  it('takes none while it is being deleted', () => {
    expect(take(started().remove(prefixKey('child')))).toEqual([]);
  });

  it('asks anew once for each attempt, and not when it has its range', () => {
    const site = started();
    const retry = (attempt: number) => site.after(prefixKey('child'), 'RetryAllocation', { attempt });
    expect(retry(1)).toEqual(['PrefixAllocationRetried.v1']);
    expect(retry(1)).toEqual([]);
    expect(retry(2)).toEqual(['PrefixAllocationRetried.v1']);
    take(site);
    expect(retry(3)).toEqual([]);
    expect(site.after(prefixKey('child'), 'ReportWaiting', { reason: 'Late', message: '' })).toEqual([]);
  });
});

describe('A PrefixAllocation', () => {
  const started = (spec: JsonObject = ASKS) => {
    const site = new Decisions();
    site.send('PrefixAllocation', 'a', spec);
    return site;
  };
  const KEY = allocationKey('a');
  const accept = (site: Decisions, more: JsonObject = {}) => site.after(KEY, 'Accept', { prefix: '10.0.0.0/28', parent: 'root', ...more });

  it('accepts what it asks for, of whom it asks, once', () => {
    const site = started();
    expect(accept(site, { uid: 'before' })).toEqual([]);
    expect(accept(site, { parent: 'other' })).toEqual([]);
    expect(accept(site, { prefix: '10.0.0.0/29' })).toEqual([]);
    expect(accept(site)).toContain('PrefixAllocationGranted.v1');
    expect(accept(site)).toEqual([]);
    expect(site.after(KEY, 'Fail', { message: 'late' })).toEqual([]);
    expect(site.after(KEY, 'ReportWaiting', { reason: 'Late', message: '' })).toEqual([]);
  });

  it('ends in no other way while it is being deleted', () => {
    const site = started();
    site.world.send({ verb: 'patch', key: KEY, patchType: 'merge', patch: { metadata: { finalizers: ['example.com/hold'] } } });
    expect(accept(site.remove(KEY))).toEqual([]);
    expect(site.after(KEY, 'Fail', { message: 'late' })).toEqual([]);
  });

  it('has its Prefix chosen once', () => {
    const site = started({ ipFamily: 'IPv4', prefixLength: 28, prefixSelector: {} });
    expect(site.after(KEY, 'Schedule', { prefix: 'root' })).toEqual(['PrefixAllocationScheduled.v1']);
    expect(site.after(KEY, 'Schedule', { prefix: 'other' })).toEqual([]);
    expect(started().after(KEY, 'Schedule', { prefix: 'other' })).toEqual([]);
  });
});
