/**
 * Random histories: whatever people and racing replicas do, the ranges that a Prefix has given out never overlap, at any position, and at rest each object
 * shows what it has. `HISTORIES=10000 npm run test:unit -- prefix-history` runs more of them.
 */
import { type Change, holdsRange, type IpRange, type JsonObject, parsePrefix, rangeOf, rangesOverlap } from '@weft/api';
import { below, randomOf } from '@weft/testing';
import { allocationKey, PrefixSite, prefixKey } from '../testing/prefix-site.ts';

const HISTORIES = Number(process.env['HISTORIES'] ?? 60);
const STEPS = 40;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const ROOTS = ['r', 's'];

function range(text: string): IpRange {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return rangeOf(parsed);
}

/** What each incarnation of a Prefix has given out, according to the log alone. */
class Given {
  readonly #byPrefix = new Map<string, Map<string, string>>();

  take({ append, before, after }: Change): void {
    const state = after?.status === 'live' ? after : before;
    if (state?.key.kind !== 'Prefix') return;
    const { uid } = state.object.metadata;
    const whole = state.object.spec?.['prefix'] as string | undefined;
    for (const { type, data } of append.events) {
      const given = this.#byPrefix.get(uid) ?? new Map<string, string>();
      this.#byPrefix.set(uid, given);
      const {
        prefix = '',
        allocation,
        requester,
        holder = '',
      } = data as Record<string, string> & {
        allocation?: { uid: string };
        requester?: { uid: string };
      };
      if (type === 'PrefixRangeAllocated.v1') {
        const who = (requester ?? allocation)?.uid ?? '';
        expect(given.has(who)).toBe(false);
        for (const other of given.values())
          expect([prefix, other, rangesOverlap(range(prefix), range(other))]).toEqual([prefix, other, false]);
        expect(holdsRange(range(whole ?? ''), range(prefix))).toBe(true);
        given.set(who, prefix);
      } else if (type === 'PrefixRangeReleased.v1' && prefix !== '') {
        expect(given.get(holder)).toBe(prefix);
        given.delete(holder);
      }
    }
  }

  of(uid: string): readonly string[] {
    return [...(this.#byPrefix.get(uid)?.values() ?? [])].sort();
  }
}

describe('Random histories of Prefixes', () => {
  it(`in ${HISTORIES} histories no two ranges of one Prefix overlap, and at rest each object shows what it holds`, () => {
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const random = randomOf(seed);
      const given = new Given();
      const site = new PrefixSite({ seed, duplicates: 0.3, lag: 0.3, conflicts: 0.2, onChange: (change) => given.take(change) });
      const pick = <T>(list: readonly T[]): T => list[below(random, list.length)] as T;
      const source = () => pick<JsonObject>([{ name: pick(ROOTS) }, { name: pick(NAMES) }]);
      const request = () => pick<JsonObject>([{ prefixLength: 27 + below(random, 5) }, { prefix: `10.0.0.${8 * below(random, 8)}/29` }]);
      const asks = (ref: string, selector: string): JsonObject => {
        return {
          ipFamily: 'IPv4',
          ...request(),
          ...(below(random, 3) > 0 ? { [ref]: source() } : { [selector]: { matchLabels: { pool: 'x' } } }),
        };
      };
      const labels = (): JsonObject => (below(random, 2) === 0 ? { pool: 'x' } : {});
      for (let step = 0; step < STEPS; step++) {
        const actions = [
          () => site.send('Prefix', pick(ROOTS), { prefix: pick(['10.0.0.0/26', '10.0.0.0/27', '10.0.0.32/27']) }, labels()),
          () => site.send('Prefix', pick(NAMES), asks('parentRef', 'parentSelector'), labels()),
          () => site.send('Prefix', pick(NAMES), asks('parentRef', 'parentSelector'), labels()),
          () => site.send('PrefixAllocation', pick(NAMES), asks('prefixRef', 'prefixSelector')),
          () => site.world.send({ verb: 'delete', key: prefixKey(pick([...NAMES, ...ROOTS])) }),
          () => site.world.send({ verb: 'delete', key: allocationKey(pick(NAMES)) }),
          () => {
            const key = prefixKey(pick(NAMES));
            const [allocation] = site.allocations(key.name);
            if (allocation !== undefined) site.world.send({ verb: 'delete', key: allocationKey(allocation.metadata.name) });
          },
          () => {
            const spec = pick<JsonObject>([{ prefix: `10.0.0.${8 * below(random, 8)}/29` }, { parentRef: { name: pick(ROOTS) } }]);
            site.world.send({ verb: 'patch', key: prefixKey(pick(NAMES)), patchType: 'merge', patch: { spec } });
          },
          () => site.world.pass(below(random, 2_000)),
          () => site.world.settle(),
        ];
        pick(actions)();
      }
      site.world.settle();
      expect(site.world.refusals).toEqual([]);
      for (const { object } of site.world.fold.list('Prefix')) {
        const { name, uid } = object.metadata;
        expect([seed, name, site.used(name)]).toEqual([seed, name, given.of(uid)]);
        const parent = (object.spec?.['parentRef'] as { name: string } | undefined)?.name;
        const isChild = parent !== undefined || object.spec?.['parentSelector'] !== undefined;
        if (!isChild) continue;
        const condition = site.condition(prefixKey(name));
        if (object.status?.['phase'] === 'Allocated') {
          expect([seed, name, condition?.status]).toEqual([seed, name, 'True']);
          expect(site.allocations(name).length).toBeLessThanOrEqual(1); // Somebody may have deleted it.
          expect([seed, name, given.of(site.uid(parent ?? ''))]).toEqual([seed, name, expect.arrayContaining([object.spec?.['prefix']])]);
        } else {
          expect([seed, name, condition?.status, condition?.reason === 'AllocationPending']).toEqual([seed, name, 'False', false]);
          expect(site.allocations(name)).toHaveLength(1);
        }
      }
      // When everything is deleted, nothing is left behind.
      for (const { key } of [...site.world.fold.list('PrefixAllocation'), ...site.world.fold.list('Prefix')]) {
        site.world.send({ verb: 'delete', key });
      }
      site.world.settle();
      expect([seed, ...site.world.fold.list('Prefix'), ...site.world.fold.list('PrefixAllocation')]).toEqual([seed]);
      expect([...site.world.fold.records('prefix-ranges')]).toEqual([]);
    }
  });
});
