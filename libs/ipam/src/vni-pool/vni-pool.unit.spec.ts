import type { Fact, JsonObject } from '@weft/api';
import { below, contextOf, randomOf, recorded, specForReservation } from '@weft/testing';
import fc from 'fast-check';
import { vniPool, vniPoolModule } from './vni-pool.ts';
import { VNI_MAX, VNI_POOL } from './vni-pool.types.ts';

const given = specForReservation(vniPool, VNI_POOL);
const tiny = vniPoolModule(200, 202);
const givenTiny = specForReservation(tiny, VNI_POOL);
const allocate = (uid: string) => ({ type: 'AllocateVni', namespace: 'ns', network: `net-${uid}`, uid });
const allocated = (uid: string, vni: number): Fact => ({
  type: 'VniAllocated.v1',
  data: { namespace: 'ns', network: `net-${uid}`, uid, vni },
});
const released = (uid: string, vni: number, at: string): Fact => ({ type: 'VniReleased.v1', data: { uid, vni, at } });
const rested = (vni: number): Fact => ({ type: 'VniRested.v1', data: { vni } });

describe('VniPool', () => {
  it('gives 200 first, then upwards, and the same to the same network', () => {
    given().when(allocate('a')).thenFacts(allocated('a', 200));
    given(allocated('a', 200)).when(allocate('b')).thenFacts(allocated('b', 201));
    given(allocated('a', 200)).when(allocate('a')).thenNothing();
    expect(VNI_MAX).toBe(16_777_215);
  });

  it('prefers what was never used, then what has rested longest', () => {
    const past = [
      allocated('a', 200),
      allocated('b', 201),
      released('b', 201, '10'),
      released('a', 200, '20'),
      rested(200),
      rested(201),
    ] as const;
    givenTiny(...past)
      .when(allocate('c'))
      .thenFacts(allocated('c', 202));
    givenTiny(...past, allocated('c', 202))
      .when(allocate('d'))
      .thenFacts(allocated('d', 200));
  });

  it('appends an event when no number is left, and does not give one that rests', () => {
    const all = [allocated('a', 200), allocated('b', 201), allocated('c', 202), released('a', 200, '10')] as const;
    givenTiny(...all)
      .when(allocate('d'))
      .thenFacts({ type: 'VniPoolExhausted.v1', data: { namespace: 'ns', network: 'net-d', uid: 'd' } });
    givenTiny(...all, rested(200))
      .when(allocate('d'))
      .thenFacts(allocated('d', 200));
  });

  it('appends it once for each network, and forgets a network that goes', () => {
    const all = [allocated('a', 200), allocated('b', 201), allocated('c', 202)] as const;
    const no: Fact = { type: 'VniPoolExhausted.v1', data: { namespace: 'ns', network: 'net-d', uid: 'd' } };
    const withdrawn: Fact = { type: 'VniRequestWithdrawn.v1', data: { uid: 'd' } };
    const release = { type: 'ReleaseVni', uid: 'd', at: '10' };
    const exhausted = givenTiny(...all, no);
    exhausted.when(allocate('d')).thenNothing();
    exhausted.when(release).thenFacts(withdrawn);
    givenTiny(...all, no, withdrawn)
      .when(release)
      .thenNothing();
    givenTiny(...all, no, withdrawn)
      .when(allocate('d'))
      .thenFacts(no);
    const served = givenTiny(...all, no, released('a', 200, '10'), rested(200), allocated('d', 200));
    served.when(release).thenFacts(released('d', 200, '10'));
    givenTiny(...all, no, released('a', 200, '10'), rested(200), allocated('d', 200), released('d', 200, '10'))
      .when(release)
      .thenNothing();
  });

  it('refuses an unknown command', () => {
    given().when({ type: 'AllocateVni', uid: 'a' }).thenRejected(400, 'AllocateVni is not as it should be');
    given().when({ type: 'ReleaseVni', uid: 'a', at: 'now' }).thenRejected(400);
    given().when({ type: 'Paint' }).thenRejected(400, 'no command "Paint"');
  });

  it('takes a number back once, and ends a rest only for the release that the command names', () => {
    given(allocated('a', 200))
      .when({ type: 'ReleaseVni', uid: 'a', at: '10' })
      .thenFacts(released('a', 200, '10'));
    given(allocated('a', 200), released('a', 200, '10'))
      .when({ type: 'ReleaseVni', uid: 'a', at: '10' })
      .thenNothing();
    given().when({ type: 'ReleaseVni', uid: 'x', at: '10' }).thenNothing();
    const resting = given(allocated('a', 200), released('a', 200, '10'));
    resting.when({ type: 'RestVni', vni: 200, at: '9' }).thenNothing();
    resting.when({ type: 'RestVni', vni: 200, at: '10' }).thenFacts(rested(200));
    given(allocated('a', 200)).when({ type: 'RestVni', vni: 200, at: '99' }).thenNothing();
  });

  it('gives a number to one network at a time, and never before it has rested, on random histories', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomOf(seed);
        let state = tiny.initial();
        const holders = new Map<number, string>();
        const resting = new Set<number>();
        const past: (JsonObject & { type: string })[] = [];
        for (let step = 1; step < 80; step++) {
          const uid = `u${below(random, 6)}`;
          const fresh = [
            allocate(uid),
            { type: 'ReleaseVni', uid, at: String(step) },
            { type: 'RestVni', vni: 200 + below(random, 3), at: String(step) },
          ][below(random, 3)]!;
          const command = past.length > 0 && random() < 0.3 ? past[below(random, past.length)]! : fresh;
          past.push(command);
          const decision = tiny.decide(command, state, contextOf());
          if (decision.outcome === 'rejected') throw new Error('never refuses');
          for (const { type, data } of decision.facts) {
            const vni = data['vni'] as number;
            if (type === 'VniAllocated.v1') {
              expect([holders.get(vni), resting.has(vni)]).toEqual([undefined, false]);
              holders.set(vni, data['uid'] as string);
            } else if (type === 'VniReleased.v1') {
              holders.delete(vni);
              resting.add(vni);
            } else if (type === 'VniRested.v1') resting.delete(vni);
            state = recorded(VNI_POOL, [{ type, data }]).reduce(tiny.evolve, state);
          }
        }
      }),
    );
  });
});
