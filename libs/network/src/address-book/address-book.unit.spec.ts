import type { Fact, JsonObject } from '@weft/api';
import { below, contextOf, randomOf, recorded, specForReservation } from '@weft/testing';
import fc from 'fast-check';
import { addressBook } from './address-book.ts';

const STREAM = 'AddressBook-ns.net.with.dots';
const given = specForReservation(addressBook, STREAM);
const claim = (nic: string, ips: string[], more: JsonObject = {}) => ({
  type: 'ClaimAddresses',
  namespace: 'ns',
  network: 'net.with.dots',
  nic,
  uid: `uid-${nic}`,
  ips,
  fields: ips.map((_, i) => `spec.ips[${i}].value`),
  request: `r-${nic}`,
  revision: '-1',
  ...more,
});
const release = (nic: string, ips: string[], more: JsonObject = {}) => ({ type: 'ReleaseAddresses', uid: `uid-${nic}`, ips, ...more });
const claimed = (nic: string, ips: string[], more: JsonObject = {}): Fact => ({
  type: 'AddressesClaimed.v1',
  data: { nic, uid: `uid-${nic}`, ips, request: `r-${nic}`, revision: '-1', ...more },
});
const released = (nic: string, ips: string[], more: JsonObject = {}): Fact => ({
  type: 'AddressesReleased.v1',
  data: { uid: `uid-${nic}`, ips, ...more },
});

describe('AddressBook', () => {
  it('belongs to the partition of its namespace', () => {
    expect(addressBook.partitionKey(STREAM)).toBe('ns');
  });

  it('gives a free address', () => {
    given()
      .when(claim('a', ['10.0.0.1', '2001:db8::1']))
      .thenFacts(claimed('a', ['10.0.0.1', '2001:db8::1']));
  });

  it('stays as it is when the same request claims again', () => {
    const { decision } = given(claimed('a', ['10.0.0.1']))
      .when(claim('a', ['10.0.0.1']))
      .thenNothing();
    expect(decision?.grants).toEqual({});
  });

  it('hands what a holder claimed over to its newer request', () => {
    given(claimed('a', ['10.0.0.1']))
      .when(claim('a', ['10.0.0.1'], { request: 'r2', revision: '4' }))
      .thenFacts(claimed('a', ['10.0.0.1'], { request: 'r2', revision: '4' }));
  });

  it('refuses a second holder, whole, with a cause for each address', () => {
    const { status } = given(claimed('a', ['10.0.0.1', '10.0.0.2']))
      .when(claim('b', ['10.0.0.1', '10.0.0.3', '10.0.0.2']))
      .thenRejected(422);
    expect(status?.details?.causes?.map(({ field, message }) => `${field} ${message}`)).toEqual([
      'spec.ips[0].value Duplicate value: "10.0.0.1": held by NetworkInterface "a"',
      'spec.ips[2].value Duplicate value: "10.0.0.2": held by NetworkInterface "a"',
    ]);
  });

  it('takes back only from the holder', () => {
    given(claimed('a', ['10.0.0.1']))
      .when(release('b', ['10.0.0.1']))
      .thenNothing();
    given(claimed('a', ['10.0.0.1']))
      .when(release('a', ['10.0.0.1', '10.0.0.9']))
      .thenFacts(released('a', ['10.0.0.1']));
    given(claimed('a', ['10.0.0.1']), released('a', ['10.0.0.1']))
      .when(release('a', ['10.0.0.1']))
      .thenNothing();
  });

  it('does not take back what a later request claimed', () => {
    const past = [claimed('a', ['10.0.0.1']), claimed('a', ['10.0.0.1'], { request: 'r2', revision: '4' })] as const;
    given(...past)
      .when(release('a', ['10.0.0.1'], { request: 'r-a' }))
      .thenNothing();
    given(...past)
      .when(release('a', ['10.0.0.1'], { revision: '4' }))
      .thenNothing();
    given(...past)
      .when(release('a', ['10.0.0.1'], { revision: '5' }))
      .thenTypes('AddressesReleased.v1');
  });

  it('lets an address rest that was in rows, and tells its next holder since when', () => {
    const inUse = given(claimed('a', ['10.0.0.1']));
    inUse.when(release('a', ['10.0.0.1'], { inRows: true, at: '70' })).thenFacts(released('a', ['10.0.0.1'], { resting: '70' }));
    inUse.when(release('a', ['10.0.0.1'], { inRows: false, at: '70' })).thenFacts(released('a', ['10.0.0.1']));
    inUse
      .when(release('a', ['10.0.0.1'], { inRows: false, leftRows: '60', at: '70' }))
      .thenFacts(released('a', ['10.0.0.1'], { resting: '60' }));
    // Nobody holds the network, so there is nothing to wait for.
    const free = given(claimed('a', ['10.0.0.1']), released('a', ['10.0.0.1'], { resting: '70' }));
    expect(free.when(claim('b', ['10.0.0.1'])).thenFacts(claimed('b', ['10.0.0.1'])).decision?.grants).toEqual({});
    expect(
      free.when(claim('b', ['10.0.0.1']), { facts: heldBy('69') }).thenFacts(claimed('b', ['10.0.0.1'], { resting: '70' })).decision
        ?.grants,
    ).toEqual({ resting: '70' });
    expect(free.when(claim('b', ['10.0.0.1']), { facts: heldBy('70') }).decided.decision?.grants).toEqual({});
    expect(free.when(claim('b', ['10.0.0.1']), { facts: { ...heldBy('70'), position: 69n } }).decided.decision?.grants).toEqual({
      resting: '70',
    });
    expect(free.when(claim('b', ['10.0.0.1']), { facts: heldBy('69', false) }).decided.decision?.grants).toEqual({});
  });

  it('says who must come and what gives the claim back, for the sweep', () => {
    const [event] = recorded(STREAM, [claimed('a', ['10.0.0.1'])]);
    const undo = { stream: STREAM, command: { type: 'ReleaseAddresses', uid: 'uid-a', ips: ['10.0.0.1'], request: 'r-a' } };
    expect(addressBook.granted?.(STREAM, event!)).toEqual({
      object: { kind: 'NetworkInterface', namespace: 'ns', name: 'a' },
      release: undo,
    });
    expect(addressBook.release?.({ stream: STREAM, command: claim('a', ['10.0.0.1']) })).toEqual(undo);
    expect(addressBook.granted?.(STREAM, recorded(STREAM, [released('a', ['10.0.0.1'])])[0]!)).toBeUndefined();
  });

  it('gives an address to one holder at a time, on random histories with commands that come twice', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomOf(seed);
        let state = addressBook.initial();
        const holders = new Map<string, string>();
        const past: (JsonObject & { type: string })[] = [];
        for (let step = 0; step < 80; step++) {
          const nic = `n${below(random, 4)}`;
          const ips = [`10.0.0.${below(random, 4)}`, `10.0.1.${below(random, 4)}`].slice(0, 1 + below(random, 2));
          const fresh =
            random() < 0.5 ? claim(nic, ips, { request: `r${below(random, 9)}`, revision: String(below(random, 5)) }) : release(nic, ips);
          const command = past.length > 0 && random() < 0.3 ? past[below(random, past.length)]! : fresh;
          past.push(command);
          const decision = addressBook.decide(command, state, contextOf());
          if (decision.outcome === 'rejected') continue;
          for (const { type, data } of decision.facts) {
            for (const ip of data['ips'] as string[]) {
              const { uid } = data as { uid: string };
              if (type === 'AddressesClaimed.v1') {
                expect(holders.get(ip) ?? uid).toBe(uid);
                holders.set(ip, uid);
              } else {
                expect(holders.get(ip)).toBe(uid);
                holders.delete(ip);
              }
            }
            state = recorded(STREAM, [{ type, data }]).reduce(addressBook.evolve, state);
          }
          expect(new Map([...state.holders].map(([ip, { uid }]) => [ip, uid]))).toEqual(holders);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('costs the same with 100,000 addresses', () => {
    let state = addressBook.initial();
    const metadata = recorded(STREAM, [claimed('a', [])])[0]!.metadata;
    for (let i = 0; i < 100_000; i++) {
      state = addressBook.evolve(state, {
        ...claimed(`n${i}`, [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`]),
        metadata,
        position: BigInt(i),
      });
    }
    expect(addressBook.decide(claim('x', ['10.0.0.5']), state, contextOf())).toMatchObject({ outcome: 'rejected' });
    expect(state.holders.size).toBe(100_000);
  });
});

/** One host that holds the network of the book and has applied its table up to `rev`. */
function heldBy(rev: string, isReady = true) {
  const metadata = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' };
  const base = { status: 'live' as const, revision: 0n, position: 0n, facets: {}, requests: [] };
  const network = {
    ...base,
    key: { kind: 'Network', namespace: 'ns', name: 'net.with.dots' },
    object: { apiVersion: '', kind: 'Network', metadata },
    facts: { vni: 200 },
  };
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  const host = {
    ...base,
    key: { kind: 'Host', name: 'h' },
    object: { apiVersion: '', kind: 'Host', metadata, status: { conditions } },
    facts: { applied: { 'endpoints.200': rev } },
  };
  return { position: 1_000n, get: () => network, list: () => [host], by: () => [host] };
}
