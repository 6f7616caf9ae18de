/**
 * Random histories: whatever people and racing replicas do, an address has one holder at most at any position, also while it rests (provider Appendix A 1,
 * C-4, C-5). `HISTORIES=10000 npm run test:unit -- public-addresses-history` runs more of them.
 */
import type { Change } from '@weft/api';
import { below, randomOf } from '@weft/testing';
import { poolKey, Site, vipKey } from '../testing/site.ts';
import { ADDRESS_REST_MS } from './public-addresses.loops.ts';

const HISTORIES = Number(process.env['HISTORIES'] ?? 60);
const STEPS = 40;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const PREFIXES = [
  ['203.0.113.0/31'],
  ['203.0.113.0/30'],
  ['203.0.113.2/31', '198.51.100.4/31'],
  ['203.0.113.0/31', '203.0.113.2/32', '2001:db8::/127'],
];

/** Who has which address, according to the log alone. */
class Holders {
  readonly #taken = new Map<string, { holder: string; releasedMs?: number }>();

  take({ append }: Change): void {
    for (const { type, data, metadata } of append.events) {
      const { uid, slot, ip } = data as { uid: string; slot: string; ip: string };
      if (type === 'AddressAllocated.v1') {
        expect(this.#taken.get(ip)).toBeUndefined();
        this.#taken.set(ip, { holder: `${uid} ${slot}` });
      } else if (type === 'AddressReleased.v1') {
        expect(this.#taken.get(ip)?.holder).toBe(`${uid} ${slot}`);
        this.#taken.set(ip, { holder: `${uid} ${slot}`, releasedMs: Date.parse(metadata.time) });
      } else if (type === 'AddressRested.v1') {
        expect(Date.parse(metadata.time) - (this.#taken.get(ip)?.releasedMs ?? 0)).toBeGreaterThanOrEqual(ADDRESS_REST_MS);
        this.#taken.delete(ip);
      }
    }
  }
}

describe('Random histories of public addresses', () => {
  it(`provider C-4, C-5: in ${HISTORIES} histories no address has two holders, and at rest each object shows what it holds`, () => {
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const random = randomOf(seed);
      const holders = new Holders();
      const site = new Site({ seed, duplicates: 0.3, lag: 0.3, conflicts: 0.2, onChange: (change) => holders.take(change) });
      const pick = <T>(list: readonly T[]): T => list[below(random, list.length)] as T;
      for (let step = 0; step < STEPS; step++) {
        const name = pick(NAMES);
        const actions = [
          () => site.vip(name, pick(['IPv4', 'IPv4', 'IPv6'])),
          () => site.vip(name),
          () => site.world.send({ verb: 'delete', key: vipKey(name) }),
          () => site.pool(pick(['p', 'q']), pick(PREFIXES)),
          () => site.world.send({ verb: 'delete', key: poolKey(pick(['p', 'q'])) }),
          () =>
            site.world.send({
              verb: 'patch',
              key: poolKey(pick(['p', 'q'])),
              patchType: 'merge',
              patch: { spec: { prefixes: pick(PREFIXES), excludes: pick([null, ['203.0.113.0/32'], ['203.0.113.2/31']]) } },
            }),
          () =>
            site.world.send({
              verb: 'patch',
              key: poolKey(pick(['p', 'q'])),
              patchType: 'merge',
              patch: { metadata: { finalizers: null } },
            }),
          () => site.world.pass(below(random, 2) * ADDRESS_REST_MS + 1_000),
        ];
        pick(actions)();
      }
      site.world.settle();
      const held = site.held();
      for (const vip of NAMES) {
        const ip = site.ip(vip);
        if (ip === undefined) continue;
        expect(held.get(ip)?.split(' ')[0]).toBe(site.uid(vipKey(vip)));
      }
      for (const [ip, key] of held)
        expect(NAMES.filter((vip) => site.uid(vipKey(vip)) === key.split(' ')[0]).map((vip) => site.ip(vip))).toEqual([ip]);
    }
  });
});
