import { type Fact, type Facts, type FactsView, type Folded, factsOf, type JsonObject } from '@weft/api';
import { below, contextOf, randomOf, recorded, specForReservation } from '@weft/testing';
import fc from 'fast-check';
import { type AddressBook, addressBook, addressBookModule, bookName, grantedAddresses } from './address-book.ts';

const STREAM = 'AddressBook-ns.net.with.dots';
const given = specForReservation(addressBook, STREAM);
/** A claim of an interface that has a MAC already, unless `hasMac` is false (see the tests of numbers below). */
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
  hasMac: true,
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

  it('lets another request of the holder claim the same, and the first one repeat its claim', () => {
    const second = claimed('a', ['10.0.0.1'], { request: 'r2', revision: '4' });
    given(claimed('a', ['10.0.0.1']))
      .when(claim('a', ['10.0.0.1'], { request: 'r2', revision: '4' }))
      .thenFacts(second);
    given(claimed('a', ['10.0.0.1']), second)
      .when(claim('a', ['10.0.0.1']))
      .thenNothing();
  });

  it('refuses a claim of an address that very many requests of its holder have claimed', () => {
    const past = Array.from({ length: 16 }, (_, i) => claimed('a', ['10.0.0.1'], { request: `r${i}`, revision: `${i}` }));
    given(...past.slice(1))
      .when(claim('a', ['10.0.0.1']))
      .thenTypes('AddressesClaimed.v1');
    given(...past)
      .when(claim('a', ['10.0.0.1']))
      .thenRejected(500);
    given(...past)
      .when(claim('a', ['10.0.0.1'], { request: 'r3' }))
      .thenNothing();
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

  it('claims those that it may do without if they are free and have rested, and names who has the others', () => {
    const past = [claimed('a', ['10.0.0.1', '10.9.0.0/24', '10.0.0.4']), released('a', ['10.0.0.4'], { resting: '70' })];
    const all = claim('b', [], { ifFree: ['10.0.0.1', '10.0.0.2', '10.9.0.0/24', '10.0.0.4', '10.9.0.0/28'] });
    const { decision } = given(...past)
      .when(all, { facts: heldBy('69') })
      .thenFacts(claimed('b', ['10.0.0.2', '10.9.0.0/28']));
    const taken = { '10.0.0.1': { nic: 'a' }, '10.9.0.0/24': { nic: 'a' }, '10.0.0.4': { resting: '70' } };
    expect(decision?.grants).toEqual({ taken });
    given(...past)
      .when(all, { facts: heldBy('70') })
      .thenFacts(claimed('b', ['10.0.0.2', '10.0.0.4', '10.9.0.0/28']));
    const { hasMac: _, ...numberless } = claim('b', [], { ifFree: ['10.0.0.1'] });
    const none = given(...past)
      .when(numberless)
      .thenNothing();
    expect(none.decision?.grants).toEqual({ taken: { '10.0.0.1': { nic: 'a' } } });
    given(...past)
      .when(claim('b', ['10.0.0.1'], { fields: ['x'], ifFree: ['10.0.0.2'] }))
      .thenRejected(422);
  });

  it('gives back with a claim also what was claimed because it was free', () => {
    const undone = addressBook.release?.({ stream: STREAM, command: claim('b', ['10.0.0.1'], { ifFree: ['10.9.0.0/24'] }) as never });
    expect(undone?.command).toEqual({ type: 'ReleaseAddresses', uid: 'uid-b', ips: ['10.0.0.1', '10.9.0.0/24'], request: 'r-b' });
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.1/32', '10.0.0.1'],
    ['10.9.0.7/24', '10.9.0.0/24'],
    ['2001:db8::7/64', '2001:db8::/64'],
    ['2001:db8::7/128', '2001:db8::7'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
  ])('knows %s as %s', (value, name) => {
    expect(bookName(value)).toBe(name);
  });

  it('takes an address back only from its holder', () => {
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

  const withdrawn = (nic: string, ips: string[], more: JsonObject): Fact => ({
    type: 'AddressClaimsWithdrawn.v1',
    data: { uid: `uid-${nic}`, ips, ...more },
  });
  const twice = [claimed('a', ['10.0.0.1', '10.0.0.2']), claimed('a', ['10.0.0.1'], { request: 'r2', revision: '4' })] as const;

  it('frees an address when the last of the requests that claimed it gives it back, in whatever order', () => {
    const both = given(...twice);
    both.when(release('a', ['10.0.0.1'], { request: 'r2' })).thenFacts(withdrawn('a', ['10.0.0.1'], { request: 'r2' }));
    both
      .when(release('a', ['10.0.0.1', '10.0.0.2'], { request: 'r-a' }))
      .thenFacts(released('a', ['10.0.0.2']), withdrawn('a', ['10.0.0.1'], { request: 'r-a' }));
    both.when(release('a', ['10.0.0.1'], { request: 'r3' })).thenNothing();
    for (const [first, second] of [
      ['r2', 'r-a'],
      ['r-a', 'r2'],
    ] as const) {
      const one = given(...twice, withdrawn('a', ['10.0.0.1'], { request: first }));
      one.when(release('a', ['10.0.0.1'], { request: first })).thenNothing();
      one.when(claim('b', ['10.0.0.1'])).thenRejected(422);
      one.when(release('a', ['10.0.0.1'], { request: second })).thenFacts(released('a', ['10.0.0.1']));
    }
  });

  it('takes back what was claimed before a revision, and leaves what a later request claimed', () => {
    given(...twice)
      .when(release('a', ['10.0.0.1'], { revision: '4' }))
      .thenFacts(withdrawn('a', ['10.0.0.1'], { revision: '4' }));
    given(...twice, withdrawn('a', ['10.0.0.1'], { revision: '4' }))
      .when(release('a', ['10.0.0.1'], { revision: '4' }))
      .thenNothing();
    given(...twice)
      .when(release('a', ['10.0.0.1'], { revision: '5' }))
      .thenFacts(released('a', ['10.0.0.1']));
    given(...twice)
      .when(release('a', ['10.0.0.1']))
      .thenFacts(released('a', ['10.0.0.1']));
  });

  it('claims once under a request that claims at another revision', () => {
    given(...twice, claimed('a', ['10.0.0.1', '10.0.0.3'], { revision: '7' }))
      .when(release('a', ['10.0.0.1'], { revision: '7' }))
      .thenFacts(withdrawn('a', ['10.0.0.1'], { revision: '7' }));
    given(...twice, claimed('a', ['10.0.0.1', '10.0.0.3'], { revision: '7' }), withdrawn('a', ['10.0.0.1'], { request: 'r-a' }))
      .when(release('a', ['10.0.0.1'], { request: 'r2' }))
      .thenFacts(released('a', ['10.0.0.1']));
  });

  it('lets an address rest that its holder gives back before it has rested, or that was in rows under another claim', () => {
    given(claimed('a', ['10.0.0.1'], { resting: '70' }))
      .when(release('a', ['10.0.0.1'], { request: 'r-a' }))
      .thenFacts(released('a', ['10.0.0.1'], { resting: '70' }));
    given(claimed('a', ['10.0.0.1'], { resting: '70' }))
      .when(release('a', ['10.0.0.1'], { inRows: true, at: '90' }))
      .thenFacts(released('a', ['10.0.0.1'], { resting: '90' }));
    given(...twice)
      .when(release('a', ['10.0.0.1'], { revision: '4', inRows: true, at: '90' }))
      .thenFacts(withdrawn('a', ['10.0.0.1'], { revision: '4', resting: '90' }));
    given(...twice, withdrawn('a', ['10.0.0.1'], { revision: '4', resting: '90' }))
      .when(release('a', ['10.0.0.1'], { request: 'r2' }))
      .thenFacts(released('a', ['10.0.0.1'], { resting: '90' }));
  });

  it('lets an address rest that was in rows, and its next grant says since when', () => {
    const inUse = given(claimed('a', ['10.0.0.1']));
    inUse.when(release('a', ['10.0.0.1'], { inRows: true, at: '70' })).thenFacts(released('a', ['10.0.0.1'], { resting: '70' }));
    inUse.when(release('a', ['10.0.0.1'], { inRows: false, at: '70' })).thenFacts(released('a', ['10.0.0.1']));
    inUse
      .when(release('a', ['10.0.0.1'], { inRows: false, leftRows: '60', at: '70' }))
      .thenFacts(released('a', ['10.0.0.1'], { resting: '60' }));
    // No host holds the network, so there is nothing to wait for.
    const free = given(claimed('a', ['10.0.0.1']), released('a', ['10.0.0.1'], { resting: '70' }));
    expect(free.when(claim('b', ['10.0.0.1'])).thenFacts(claimed('b', ['10.0.0.1'])).decision?.grants).toEqual({});
    expect(
      free.when(claim('b', ['10.0.0.1']), { facts: heldBy('69') }).thenFacts(claimed('b', ['10.0.0.1'], { resting: '70' })).decision
        ?.grants,
    ).toEqual({ resting: '70' });
    expect(free.when(claim('b', ['10.0.0.1']), { facts: heldBy('70') }).decided.decision?.grants).toEqual({});
    expect(free.when(claim('b', ['10.0.0.1']), { facts: heldBy('70', { position: 69n }) }).decided.decision?.grants).toEqual({
      resting: '70',
    });
    expect(free.when(claim('b', ['10.0.0.1']), { facts: heldBy('69', { isReady: false }) }).decided.decision?.grants).toEqual({});
  });

  it('names the object of a claim and the command that gives the claim back', () => {
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
                if (type === 'AddressesReleased.v1') holders.delete(ip);
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

describe('Numbers of interfaces', () => {
  /** A book with so few numbers that they run out: 0, 1 and 2. */
  const few = specForReservation(addressBookModule(2), STREAM);
  const asks = (nic: string, ip: string, more: JsonObject = {}) => {
    const { hasMac: _, ...rest } = claim(nic, [ip], more);
    return rest;
  };
  const numbered = (nic: string, ip: string, index: number, more: JsonObject = {}) => claimed(nic, [ip], { index, ...more });
  const taken = [numbered('a', '10.0.0.1', 0), numbered('b', '10.0.0.2', 1), numbered('c', '10.0.0.3', 2)] as const;

  it('are granted with the first addresses of an interface, lowest never used first', () => {
    expect(
      few()
        .when(asks('a', '10.0.0.1'))
        .thenFacts(numbered('a', '10.0.0.1', 0)).decision?.grants,
    ).toEqual({ index: 0 });
    few(numbered('a', '10.0.0.1', 0), released('a', ['10.0.0.1'], { index: 0 }))
      .when(asks('b', '10.0.0.1'))
      .thenFacts(numbered('b', '10.0.0.1', 1));
  });

  it('are not granted to an interface that has a MAC', () => {
    const { decision } = few()
      .when(claim('a', ['10.0.0.1']))
      .thenFacts(claimed('a', ['10.0.0.1']));
    expect(decision?.grants).toEqual({});
  });

  it('stay the same for a repeat, and for a later claim of an interface that does not know its own yet', () => {
    const once = few(numbered('a', '10.0.0.1', 0));
    expect(once.when(asks('a', '10.0.0.1')).thenNothing().decision?.grants).toEqual({ index: 0 });
    const later = { request: 'r2', revision: '4' };
    once.when(asks('a', '10.0.0.9', later)).thenFacts(numbered('a', '10.0.0.9', 0, later));
    const asked = numbered('a', '10.0.0.9', 0, later);
    few(numbered('a', '10.0.0.1', 0), asked)
      .when(asks('b', '10.0.0.2'))
      .thenFacts(numbered('b', '10.0.0.2', 1));
    // A number that rests is not affected.
    few(...taken, released('b', ['10.0.0.2'], { index: 1, resting: '70' }), asked)
      .when(asks('d', '10.0.0.4'), { facts: heldBy('99') })
      .thenFacts(numbered('d', '10.0.0.4', 1));
  });

  it('are granted for a claim of an older version that is repeated', () => {
    few(claimed('a', ['10.0.0.1']))
      .when(asks('a', '10.0.0.1'))
      .thenFacts(numbered('a', '10.0.0.1', 0));
  });

  it('go back at the end of the interface, with addresses or without, once', () => {
    const book = few(numbered('a', '10.0.0.1', 0));
    book.when(release('a', ['10.0.0.1'], { ended: true })).thenFacts(released('a', ['10.0.0.1'], { index: 0 }));
    book.when(release('a', [], { ended: true, inRows: true, at: '70' })).thenFacts(released('a', [], { index: 0, resting: '70' }));
    book
      .when(release('a', [], { ended: true, inRows: false, leftRows: '60', at: '70' }))
      .thenFacts(released('a', [], { index: 0, resting: '60' }));
    few(numbered('a', '10.0.0.1', 0), released('a', ['10.0.0.1'], { index: 0 }))
      .when(release('a', ['10.0.0.1'], { ended: true }))
      .thenNothing();
  });

  it('stay when only addresses go', () => {
    few(numbered('a', '10.0.0.1', 0))
      .when(release('a', ['10.0.0.1'], { revision: '5' }))
      .thenFacts(released('a', ['10.0.0.1']));
    few(numbered('a', '10.0.0.1', 0, { request: 'r2', revision: '4' }))
      .when(release('a', ['10.0.0.1'], { revision: '5' }))
      .thenFacts(released('a', ['10.0.0.1']));
  });

  it('go back with the claim of a creation that never came', () => {
    few(numbered('a', '10.0.0.1', 0))
      .when(release('a', ['10.0.0.1'], { request: 'r-a' }))
      .thenFacts(released('a', ['10.0.0.1'], { index: 0 }));
    // Another request has claimed its addresses, too, but no number: no such creation is left to use it.
    few(numbered('a', '10.0.0.1', 0), claimed('a', ['10.0.0.1'], { request: 'r2', revision: '4' }))
      .when(release('a', ['10.0.0.1'], { request: 'r-a' }))
      .thenFacts(released('a', [], { index: 0 }), {
        type: 'AddressClaimsWithdrawn.v1',
        data: { uid: 'uid-a', ips: ['10.0.0.1'], request: 'r-a' },
      });
  });

  it('stay with an interface that has come to be when a repeat of its creation claimed for nothing', () => {
    few(numbered('a', '10.0.0.1', 0))
      .when(release('a', ['10.0.0.1'], { request: 'r-a', keepsNumber: true }))
      .thenFacts(released('a', ['10.0.0.1']));
  });

  it('go back with the claim of an interface that has gone, and rest', () => {
    const change = { request: 'r2', revision: '4' };
    few(numbered('a', '10.0.0.1', 0, change))
      .when(release('a', ['10.0.0.1'], { request: 'r2', gone: true, at: '9' }))
      .thenFacts(released('a', ['10.0.0.1']), released('a', [], { index: 0, resting: '9' }));
    few(numbered('a', '10.0.0.1', 0, change), released('a', ['10.0.0.1'], { index: 0 }))
      .when(release('a', ['10.0.0.1'], { request: 'r2', gone: true, at: '9' }))
      .thenFacts();
  });

  it('stay with an interface that lives when its change never came: another change may have taken them up', () => {
    const change = { request: 'r2', revision: '4' };
    few(numbered('a', '10.0.0.1', 0, change))
      .when(release('a', ['10.0.0.1'], { request: 'r2' }))
      .thenFacts(released('a', ['10.0.0.1']));
    few(numbered('a', '10.0.0.1', 0, change), released('a', ['10.0.0.1']))
      .when(asks('a', '10.0.0.1', { request: 'r3', revision: '4' }))
      .thenFacts(numbered('a', '10.0.0.1', 0, { request: 'r3', revision: '4' }));
  });

  it('are refused when all are in use, with a message that says so', () => {
    few(...taken)
      .when(asks('d', '10.0.0.4'))
      .thenRejected(500, /create .*all 3 numbers for interfaces of Network "net.with.dots" are in use or rest/);
    few(...taken)
      .when(asks('d', '10.0.0.4', { revision: '7' }))
      .thenRejected(500, /update/);
    // An interface with a MAC needs no number.
    few(...taken)
      .when(claim('d', ['10.0.0.4']))
      .thenTypes('AddressesClaimed.v1');
  });

  it('are used again only when all were used once: first one that never was in rows, then the one that has rested longest', () => {
    const back = [
      released('b', ['10.0.0.2'], { index: 1, resting: '70' }),
      released('c', ['10.0.0.3'], { index: 2, resting: '80' }),
      released('a', ['10.0.0.1'], { index: 0 }),
    ];
    const all = { facts: heldBy('99') };
    few(...taken, ...back)
      .when(asks('d', '10.0.0.4'), all)
      .thenFacts(numbered('d', '10.0.0.4', 0));
    const second = [...taken, ...back, numbered('d', '10.0.0.4', 0)];
    few(...second)
      .when(asks('e', '10.0.0.5'), all)
      .thenFacts(numbered('e', '10.0.0.5', 1));
    const third = [...second, numbered('e', '10.0.0.5', 1)];
    few(...third)
      .when(asks('f', '10.0.0.6'), all)
      .thenFacts(numbered('f', '10.0.0.6', 2));
    few(...third, numbered('f', '10.0.0.6', 2))
      .when(asks('g', '10.0.0.7'), all)
      .thenRejected(500);
  });

  it('rest until every host that holds the network, Ready or not, has applied the removal', () => {
    const book = few(...taken, released('b', ['10.0.0.2'], { index: 1, resting: '70' }));
    const asked = asks('d', '10.0.0.4');
    book.when(asked, { facts: heldBy('69') }).thenRejected(500);
    book.when(asked, { facts: heldBy('69', { isReady: false }) }).thenRejected(500);
    book.when(asked, { facts: heldBy('70', { position: 69n }) }).thenRejected(500);
    book.when(asked, { facts: heldBy('70') }).thenFacts(numbered('d', '10.0.0.4', 1));
  });

  it('are read from a grant, and from nothing else', () => {
    expect(grantedAddresses([{ index: 7, resting: '70' }])).toEqual({ index: 7, resting: '70' });
    expect(grantedAddresses([])).toEqual({});
    expect(() => grantedAddresses([{ index: '7' }])).toThrow(/grant of addresses/);
  });

  it('have one holder each on random histories, and none is lost', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomOf(seed);
        const module = addressBookModule(5);
        let state = module.initial();
        let position = 100;
        const alive = new Map<string, number>();
        for (let step = 0; step < 60; step++) {
          position += 10;
          const nic = `n${below(random, 9)}-${below(random, 3)}`;
          const isEnd = random() < 0.4;
          const command = isEnd
            ? release(nic, [`10.0.0.${nic}`], { ended: true, inRows: random() < 0.5, at: `${position}` })
            : asks(nic, `10.0.0.${nic}`);
          // Hosts have applied everything that is 50 positions old.
          const decision = module.decide(command, state, contextOf({ facts: heldBy(`${position - 50}`, { position: BigInt(position) }) }));
          if (decision.outcome === 'accepted') {
            state = recorded(STREAM, decision.facts).reduce(module.evolve, state);
            if (isEnd) alive.delete(nic);
            else alive.set(nic, grantedAddresses([decision.grants ?? {}]).index!);
          }
          expect(new Set(alive.values()).size).toBe(alive.size);
          expect(numbersOf(state)).toEqual(Array.from({ length: state.numbers.next }, (_, index) => index));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('cost the same when all are taken and come back', () => {
    const module = addressBookModule(99_999);
    let state = module.initial();
    const context = contextOf();
    const decide = (command: JsonObject & { type: string }) => {
      const decision = module.decide(command, state, context);
      if (decision.outcome === 'rejected') throw new Error(decision.status.message);
      const metadata = { requestId: '' } as never;
      for (const fact of decision.facts) state = module.evolve(state, { ...fact, metadata, position: 1n });
    };
    for (let i = 0; i < 100_000; i++) decide(asks(`n${i}`, `${i}`));
    for (let i = 0; i < 100_000; i++) decide(release(`n${i}`, [`${i}`], { ended: true }));
    for (let i = 0; i < 100_000; i++) decide(asks(`m${i}`, `${i}`));
    expect(state.numbers.holders.size).toBe(100_000);
  });
});

/** Every number that was ever used: those that are held, and those given back. */
function numbersOf({ numbers: { holders, free, resting } }: AddressBook): readonly number[] {
  const held = [...holders.values()].map(({ index }) => index);
  const back = [...free.items.slice(free.first), ...resting.items.slice(resting.first).map(({ index }) => index)];
  return [...held, ...back].sort((a, b) => a - b);
}

/** One host that holds the network of the book and has applied its table up to `rev`. */
function heldBy(rev: string, { isReady = true, position = 1_000n } = {}): Facts {
  const metadata = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' };
  const base = { status: 'live' as const, revision: 0n, position: 0n, facets: {}, requests: [] };
  const network: Folded = {
    ...base,
    key: { kind: 'Network', namespace: 'ns', name: 'net.with.dots' },
    object: { apiVersion: '', kind: 'Network', metadata },
    facts: { vni: 200 },
  };
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  const host: Folded = {
    ...base,
    key: { kind: 'Host', name: 'h' },
    object: { apiVersion: '', kind: 'Host', metadata, status: { conditions } },
    facts: { applied: { 'endpoints.200': rev } },
  };
  const view: FactsView = { position, get: () => network, list: () => [host], by: () => [host] };
  return factsOf(view);
}

describe('Balancers in the AddressBook', () => {
  const wants = (balancer: string, ips: string[]) => ({
    type: 'ClaimForBalancer',
    namespace: 'ns',
    network: 'net.with.dots',
    balancer,
    uid: `uid-${balancer}`,
    ips,
  });
  const fact = (type: string, data: JsonObject): Fact => ({ type: `Balancer${type}.v1`, data });
  const numbered = (balancer: string, number: number) => fact('Numbered', { balancer, uid: `uid-${balancer}`, number });
  const has = (balancer: string, ...ips: string[]) => fact('AddressesClaimed', { balancer, uid: `uid-${balancer}`, ips });
  const gave = (balancer: string, rest: number, ...ips: string[]) => fact('AddressesReleased', { uid: `uid-${balancer}`, ips, rest });
  const rested = (balancer: string, rest: number, ...ips: string[]) => fact('AddressesRested', { uid: `uid-${balancer}`, ips, rest });

  it('gives a number and what is free, and notes who has the rest', () => {
    const lb = { name: 'lb', uid: 'uid-lb' };
    given(claimed('a', ['10.0.0.1']), numbered('lb', 1), has('lb', '10.0.0.2'))
      .when(wants('web', ['10.0.0.1', '10.0.0.2', '10.0.0.3']))
      .thenFacts(
        numbered('web', 2),
        has('web', '10.0.0.3'),
        fact('AddressesContested', { uid: 'uid-web', taken: { '10.0.0.1': { nic: 'a' }, '10.0.0.2': { balancer: lb } } }),
      );
  });

  it('changes nothing when the same is asked again', () => {
    given(claimed('a', ['10.0.0.1']), numbered('web', 1), has('web', '10.0.0.3'))
      .when(wants('web', ['10.0.0.3']))
      .thenNothing();
    given(
      claimed('a', ['10.0.0.1']),
      numbered('web', 1),
      fact('AddressesContested', { uid: 'uid-web', taken: { '10.0.0.1': { nic: 'a' } } }),
    )
      .when(wants('web', ['10.0.0.1']))
      .thenNothing();
  });

  it('takes back what is not wanted any more, which is nobody’s until it has rested, not even its own', () => {
    const past = [numbered('web', 1), has('web', '10.0.0.3')];
    given(...past)
      .when(wants('web', []))
      .thenFacts(gave('web', 1, '10.0.0.3'));
    const taken = { '10.0.0.3': { balancer: { name: 'web', uid: 'uid-web' }, leaves: true } };
    given(...past, gave('web', 1, '10.0.0.3'))
      .when(wants('web', ['10.0.0.3']))
      .thenFacts(fact('AddressesContested', { uid: 'uid-web', taken }));
    const { decision } = given(...past, gave('web', 1, '10.0.0.3'))
      .when(claim('a', ['10.0.0.3']))
      .thenNothing();
    expect(decision?.grants).toEqual({ taken });
    given(...past, gave('web', 1, '10.0.0.3'), rested('web', 1, '10.0.0.3'))
      .when(claim('a', ['10.0.0.3']))
      .thenFacts(claimed('a', ['10.0.0.3']));
  });

  it('a rest that has ended ends no later one', () => {
    const past = [numbered('web', 1), has('web', '10.0.0.3'), gave('web', 1, '10.0.0.3'), rested('web', 1, '10.0.0.3')];
    given(...past, has('web', '10.0.0.3'), gave('web', 2, '10.0.0.3'))
      .when({ type: 'RestOfBalancer', rest: 1 })
      .thenNothing();
    given(...past, has('web', '10.0.0.3'), gave('web', 2, '10.0.0.3'))
      .when({ type: 'RestOfBalancer', rest: 2 })
      .thenFacts(rested('web', 2, '10.0.0.3'));
  });

  it('given that all numbers were used, then the one that has rested longest is given, and before that none', () => {
    const small = specForReservation(addressBookModule(9, 2), STREAM);
    const released = (balancer: string, number: number, rest: number) => fact('NumberReleased', { uid: `uid-${balancer}`, number, rest });
    const past = [numbered('one', 1), numbered('two', 2), released('two', 2, 1), released('one', 1, 2)];
    small(...past)
      .when(wants('web', []))
      .thenRejected(500);
    small(
      ...past,
      fact('NumberRested', { uid: 'uid-one', number: 1, rest: 2 }),
      fact('NumberRested', { uid: 'uid-two', number: 2, rest: 1 }),
    )
      .when(wants('web', []))
      .thenFacts(numbered('web', 1));
  });

  it('a release of one that has gone gives back all that it has, once', () => {
    const past = [numbered('web', 1), has('web', '10.0.0.3')];
    const back = [gave('web', 1, '10.0.0.3'), fact('NumberReleased', { uid: 'uid-web', number: 1, rest: 2 })];
    given(...past)
      .when({ type: 'ReleaseBalancer', uid: 'uid-web' })
      .thenFacts(...back);
    given(...past, ...back)
      .when({ type: 'ReleaseBalancer', uid: 'uid-web' })
      .thenNothing();
  });
});
