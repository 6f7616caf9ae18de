import type { Fact } from '@weft/api';
import { specForReservation } from '@weft/testing';
import { natSlots } from './nat-slots.ts';
import { gatewayOfSlots, natSlotsOf } from './nat-slots.types.ts';

const STREAM = natSlotsOf({ namespace: 'ns', name: 'gw', uid: 'u' });
const given = specForReservation(natSlots, STREAM);
const [A, B] = ['203.0.113.1', '203.0.113.2'];

const ports = (n: number, at = 1, family = 'IPv4'): Fact => ({ type: 'NatPortsSet.v1', data: { ports: n, family, at: `${at}` } });
const used = (slot: string, ip: string, since = 1): Fact => ({ type: 'NatAddressUsed.v1', data: { slot, since, ip } });
const dropped = (slot: string, ip: string, since = 1): Fact => ({ type: 'NatAddressDropped.v1', data: { slot, since, ip } });
const got = (nic: string, ip: string, port: number, n: number, more: object = {}): Fact => ({
  type: 'NatSlotAllocated.v1',
  data: { nic, name: `name-${nic}`, ip, port, ports: n, ordered: true, ...more },
});
const awaits = (nic: string, more: object = {}): Fact => ({ type: 'NatSlotAwaited.v1', data: { nic, name: `name-${nic}`, ...more } });
const withdrawn = (nic: string, more: object = {}): Fact => ({ type: 'NatSlotWithdrawn.v1', data: { nic, ...more } });
const freed = (nic: string, ip: string, port: number, n: number, rest: number, more: object = {}): Fact => ({
  type: 'NatSlotReleased.v1',
  data: { nic, ip, port, ports: n, hosts: [], rest, ...more },
});
const confirmed = (ip: string, port: number): Fact => ({ type: 'NatSlotConfirmed.v1', data: { ip, port } });
const rested = (ip: string, port: number): Fact => ({ type: 'NatSlotRested.v1', data: { ip, port } });
const EXHAUSTED: Fact = { type: 'NatSlotsExhausted.v1', data: {} };
const SUFFICED: Fact = { type: 'NatSlotsSufficed.v1', data: {} };
const CLOSED: Fact = { type: 'NatSlotsClosed.v1', data: {} };

const ask = (nic: string) => ({ type: 'AllocateSlot', nic, name: `name-${nic}` });
const FILL = { type: 'FillSlots', waiting: 1 };
const release = (nic: string, holding: number, more: object = {}) => ({ type: 'ReleaseSlots', nic, holding, hosts: [], ...more });
const K = 16_384;

describe('The stream of slots', () => {
  it('belongs to one incarnation of a gateway, in the partition of its namespace', () => {
    expect(gatewayOfSlots(STREAM)).toEqual({ namespace: 'ns', name: 'gw', uid: 'u' });
    expect(natSlots.partitionKey(STREAM)).toBe('ns');
  });
});

describe('A slot for an interface', () => {
  it('is the lowest free one (provider C-11)', () => {
    const past = [ports(64), used('ip1', A)];
    given(...past)
      .when(ask('x'))
      .thenFacts(got('x', A, 1_024, 64, { holding: 1 }));
    given(...past, got('x', A, 1_024, 64, { holding: 1 }))
      .when(ask('y'))
      .thenFacts(got('y', A, 1_088, 64, { holding: 2 }));
  });

  it('stays the same when it asks again', () => {
    given(ports(64), used('ip1', A), got('x', A, 1_024, 64, { holding: 1 }))
      .when(ask('x'))
      .thenNothing();
    given(ports(64), awaits('x', { holding: 1 }))
      .when(ask('x'))
      .thenNothing();
  });

  it('is on the address in most use, and on the first one when they are in equal use (provider R-12)', () => {
    const past = [ports(K), used('ip2', B), used('ip1', A)];
    given(...past)
      .when(ask('x'))
      .thenFacts(got('x', A, K, K, { holding: 1 }));
    given(...past, got('b', B, K, K, { holding: 1 }))
      .when(ask('x'))
      .thenFacts(got('x', B, 2 * K, K, { holding: 2 }));
  });

  it('is none before the size is known, and none after the end', () => {
    given(used('ip1', A)).when(ask('x')).thenNothing();
    given(ports(64), CLOSED).when(ask('x')).thenNothing();
  });

  it('can have one port, or 32768', () => {
    given(ports(1), used('ip1', A))
      .when(ask('x'))
      .thenFacts(got('x', A, 1_024, 1, { holding: 1 }));
    given(ports(32_768), used('ip1', A))
      .when(ask('x'))
      .thenFacts(got('x', A, 32_768, 32_768, { holding: 1 }));
  });
});

describe('A slot that edges know', () => {
  const open = (nic: string, port: number, at: string) => ({ type: 'OpenSlot', nic, ip: A, port, at });
  const opened = (nic: string, port: number, at: string): Fact => ({ type: 'NatSlotOpened.v1', data: { nic, ip: A, port, at } });
  const past = [ports(64), used('ip1', A), got('x', A, 1_024, 64, { holding: 1 })];

  it('is opened, and again for what has come since, but not for less', () => {
    given(...past)
      .when(open('x', 1_024, '5'))
      .thenFacts(opened('x', 1_024, '5'));
    for (const at of ['5', '4'])
      given(...past, opened('x', 1_024, '5'))
        .when(open('x', 1_024, at))
        .thenNothing();
    given(...past, opened('x', 1_024, '5'))
      .when(open('x', 1_024, '16'))
      .thenFacts(opened('x', 1_024, '16'));
  });

  it('is the present one: neither one that drains, nor one that was given back', () => {
    const moved = [...past, opened('x', 1_024, '5'), ports(128, 6), got('x', A, 1_152, 128)];
    given(...moved)
      .when(open('x', 1_024, '9'))
      .thenNothing();
    given(...moved)
      .when(open('x', 1_152, '4'))
      .thenFacts(opened('x', 1_152, '4'));
    given(...past, freed('x', A, 1_024, 64, 2, { last: true }))
      .when(open('x', 1_024, '9'))
      .thenNothing();
  });
});

describe('When no slot is free', () => {
  const full = [ports(32_768), used('ip1', A), got('x', A, 32_768, 32_768, { holding: 1 })];

  it('an interface queues, and the first one says so', () => {
    given(...full)
      .when(ask('y'))
      .thenFacts(awaits('y', { holding: 2 }), EXHAUSTED);
    given(...full, awaits('y', { holding: 2 }), EXHAUSTED)
      .when(ask('z'))
      .thenFacts(awaits('z', { holding: 3 }));
  });

  it('whoever comes later does not overtake the queue', () => {
    given(ports(K), awaits('y', { holding: 1 }), EXHAUSTED, used('ip1', A))
      .when(ask('z'))
      .thenFacts(awaits('z', { holding: 2 }));
  });

  it('the queue is served in its order, and says when it is empty, or when nothing is left', () => {
    const queue = [awaits('c', { holding: 1 }), EXHAUSTED, awaits('a', { holding: 2 })];
    given(ports(K), ...queue, used('ip1', A))
      .when(FILL)
      .thenFacts(got('c', A, K, K, { waited: true }), got('a', A, 2 * K, K, { waited: true }), SUFFICED);
    given(ports(32_768), ...queue, used('ip1', A))
      .when(FILL)
      .thenFacts(got('c', A, 32_768, 32_768, { waited: true }), EXHAUSTED);
    given(ports(K), used('ip1', A)).when(FILL).thenNothing();
  });

  it('the queue is served in parts', () => {
    const queue = Array.from({ length: 70 }, (_, i) => awaits(`n${i}`, { holding: i + 1 }));
    const { facts } = given(ports(64), ...queue, used('ip1', A)).when(FILL).decided;
    expect(facts).toHaveLength(64);
  });

  it('the confirmed range that has rested longest is given before its time, and no other (provider R-10)', () => {
    const gone = [
      ports(K),
      used('ip1', A),
      got('x', A, K, K, { holding: 1 }),
      got('y', A, 2 * K, K, { holding: 2 }),
      got('z', A, 3 * K, K, { holding: 3 }),
      freed('y', A, 2 * K, K, 4, { last: true }),
      freed('x', A, K, K, 5, { last: true }),
    ];
    given(...gone)
      .when(ask('n'))
      .thenFacts(awaits('n', { holding: 6 }), EXHAUSTED);
    given(...gone, confirmed(A, K))
      .when(ask('n'))
      .thenFacts(got('n', A, K, K, { early: [K], holding: 6 }));
    given(...gone, confirmed(A, K), confirmed(A, 2 * K))
      .when(ask('n'))
      .thenFacts(got('n', A, 2 * K, K, { early: [2 * K], holding: 6 }));
  });
});

describe('When no slot is free, ranges of another size that rest', () => {
  const rests = [
    used('ip1', A),
    ...[1, 2, 3].map((i) => got(`n${i}`, A, i * K, K, { holding: i })),
    freed('n3', A, 3 * K, K, 4, { last: true }),
    freed('n2', A, 2 * K, K, 5, { last: true }),
    freed('n1', A, K, K, 6, { last: true }),
  ];

  it('are given together when all that lies in a slot is confirmed', () => {
    const past = [ports(K), ...rests, ports(32_768, 2), confirmed(A, 2 * K)];
    given(...past)
      .when(ask('x'))
      .thenFacts(awaits('x', { holding: 7 }), EXHAUSTED);
    given(...past, confirmed(A, 3 * K))
      .when(ask('x'))
      .thenFacts(got('x', A, 32_768, 32_768, { early: [3 * K, 2 * K], holding: 7 }));
    const after = given(...past, confirmed(A, 3 * K), got('x', A, 32_768, 32_768, { early: [3 * K, 2 * K], holding: 7 })).state;
    expect([...after.resting.keys()]).toEqual([`${A} ${K}`]);
    expect(after.addresses.get(A)).toMatchObject({ held: 1, resting: 1 });
  });

  it('are given in parts, and each rest ends once', () => {
    const small = 8_192;
    const queue = [awaits('x', { holding: 7 }), EXHAUSTED, awaits('y', { holding: 8 }), awaits('z', { holding: 9 })];
    // One range is free: the lowest, of which no larger one has room.
    given(ports(K), ...rests, ports(small, 2), ...queue, confirmed(A, 2 * K))
      .when(FILL)
      .thenFacts(
        got('x', A, small, small, { waited: true }),
        got('y', A, 2 * K, small, { waited: true, early: [2 * K] }),
        got('z', A, 2 * K + small, small, { waited: true }),
        SUFFICED,
      );
  });
});

describe('What an interface gives back', () => {
  const past = [ports(K), used('ip1', A), got('x', A, K, K, { holding: 1 })];

  it('rests, and is free once it has rested', () => {
    given(...past)
      .when(release('x', 1, { hosts: ['h'] }))
      .thenFacts(freed('x', A, K, K, 2, { hosts: ['h'], last: true }));
    const resting = [...past, freed('x', A, K, K, 2, { last: true })];
    given(...resting)
      .when(ask('y'))
      .thenFacts(got('y', A, 2 * K, K, { holding: 3 }));
    given(...resting, rested(A, K))
      .when(ask('y'))
      .thenFacts(got('y', A, K, K, { holding: 3 }));
  });

  it('is what it has by that holding: a late command takes nothing of the next', () => {
    const again = [...past, freed('x', A, K, K, 2, { last: true }), got('x', A, 2 * K, K, { holding: 3 })];
    given(...again)
      .when(release('x', 1))
      .thenNothing();
    given(...again)
      .when(release('other', 3))
      .thenNothing();
  });

  it('includes its place in the queue', () => {
    const queue = [ports(K), awaits('x', { holding: 1 }), EXHAUSTED];
    given(...queue)
      .when(release('x', 1))
      .thenFacts(withdrawn('x', { last: true }), SUFFICED);
    given(...queue, awaits('y', { holding: 2 }))
      .when(release('x', 1))
      .thenFacts(withdrawn('x', { last: true }));
  });

  it('rests once: late ends of former rests do nothing', () => {
    const again = [
      ...past,
      freed('x', A, K, K, 2, { last: true }),
      rested(A, K),
      got('y', A, K, K, { holding: 3 }),
      freed('y', A, K, K, 4),
    ];
    given(...again)
      .when({ type: 'RestSlot', ip: A, port: K, rest: 2 })
      .thenNothing();
    given(...again)
      .when({ type: 'ConfirmSlot', ip: A, port: K, rest: 2 })
      .thenNothing();
    given(...again)
      .when({ type: 'ConfirmSlot', ip: A, port: K, rest: 4 })
      .thenFacts(confirmed(A, K));
    given(...again, confirmed(A, K))
      .when({ type: 'ConfirmSlot', ip: A, port: K, rest: 4 })
      .thenNothing();
    given(...again)
      .when({ type: 'RestSlot', ip: A, port: K, rest: 4 })
      .thenFacts(rested(A, K));
  });
});

describe('When the size changes (provider R-9)', () => {
  const past = [ports(K), used('ip1', A), got('x', A, K, K, { holding: 1 }), ports(64, 2)];

  it('an interface gets a range of the new size beside the old one, which stays its own', () => {
    const moved = got('x', A, 1_024, 64);
    given(...past)
      .when(ask('x'))
      .thenFacts(moved);
    const { state } = given(...past, moved);
    expect(state.holders.get('x')).toEqual({
      name: 'name-x',
      holding: 1,
      section: { ip: A, port: 1_024, ports: 64 },
      drains: [{ ip: A, port: K, ports: K }],
    });
  });

  it('no new range lies in an old one, nor around it', () => {
    const taken = Array.from({ length: 240 }, (_, i) => got(`n${i}`, A, 1_024 + i * 64, 64, { holding: 2 + i }));
    given(...past, ...taken)
      .when(ask('y'))
      .thenFacts(got('y', A, 2 * K, 64, { holding: 242 }));
    given(ports(64), used('ip1', A), got('x', A, K, 64, { holding: 1 }), ports(K, 2))
      .when(ask('y'))
      .thenFacts(got('y', A, 2 * K, K, { holding: 2 }));
  });

  it('the old range is released alone, and once', () => {
    const moved = [...past, got('x', A, 1_024, 64)];
    const drained = { type: 'ReleaseDrained', nic: 'x', ip: A, port: K, hosts: ['h'] };
    given(...moved)
      .when(drained)
      .thenFacts(freed('x', A, K, K, 2, { hosts: ['h'] }));
    given(...moved, freed('x', A, K, K, 2))
      .when(drained)
      .thenNothing();
    given(...moved)
      .when({ ...drained, port: 1_024 })
      .thenNothing();
  });

  it('the range of one that waits for another is released alone too, once it is of the former size; one of the present size is not', () => {
    const drained = { type: 'ReleaseDrained', nic: 'x', ip: A, port: K, hosts: [] };
    given(...past)
      .when(drained)
      .thenFacts(freed('x', A, K, K, 2, { last: true }));
    given(...past, awaits('x'))
      .when(drained)
      .thenFacts(freed('x', A, K, K, 2));
    given(ports(K), used('ip1', A), got('x', A, K, K, { holding: 1 }))
      .when(drained)
      .thenNothing();
  });

  it('all ranges are released together at the end', () => {
    given(...past, got('x', A, 1_024, 64))
      .when(release('x', 1))
      .thenFacts(freed('x', A, 1_024, 64, 2), freed('x', A, K, K, 3, { last: true }));
  });

  it('an interface without room keeps its range and queues', () => {
    const full = [ports(K), used('ip1', A), ...[1, 2, 3].map((i) => got(`n${i}`, A, i * K, K, { holding: i })), ports(32_768, 2)];
    given(...full)
      .when(ask('n1'))
      .thenFacts(awaits('n1'), EXHAUSTED);
    const { state } = given(...full, awaits('n1'), EXHAUSTED);
    expect(state.holders.get('n1')?.section).toEqual({ ip: A, port: K, ports: K });
    given(...full, awaits('n1'), EXHAUSTED)
      .when(release('n1', 1))
      .thenFacts(withdrawn('n1'), SUFFICED, freed('n1', A, K, K, 4, { last: true }));
  });

  it('back to what it was, the queue lets go of those that have the size', () => {
    given(ports(K), used('ip1', A), got('x', A, K, K, { holding: 1 }), ports(32_768, 2), awaits('x'), ports(K, 3))
      .when(FILL)
      .thenFacts(withdrawn('x'), SUFFICED);
  });

  it('a late command does not bring an old size back', () => {
    given(...past)
      .when({ type: 'SetPorts', ports: K, family: 'IPv4', at: '1' })
      .thenNothing();
    given(...past)
      .when({ type: 'SetPorts', ports: 64, family: 'IPv4', at: '2' })
      .thenNothing();
    given(...past)
      .when({ type: 'SetPorts', ports: 64, family: 'IPv4', at: '3' })
      .thenFacts(ports(64, 3));
    given(CLOSED).when({ type: 'SetPorts', ports: 64, family: 'IPv4', at: '3' }).thenNothing();
  });
});

describe('When the family changes', () => {
  const V6 = '2001:db8::1';
  const past = [ports(K), used('ip1', A), used('ip2', V6), got('x', A, K, K, { holding: 1 }), ports(K, 2, 'IPv6')];

  it('an interface gets a range of an address of that family, and keeps the old one meanwhile', () => {
    given(...past)
      .when(ask('x'))
      .thenFacts(got('x', V6, K, K));
    given(...past, got('x', V6, K, K))
      .when(ask('x'))
      .thenNothing();
  });

  it('no range of the former family is given any more, not even one that rests', () => {
    const gone = [ports(K), used('ip1', A), got('x', A, K, K, { holding: 1 }), freed('x', A, K, K, 2, { last: true }), confirmed(A, K)];
    given(...gone, ports(K, 2, 'IPv6'))
      .when(ask('y'))
      .thenFacts(awaits('y', { holding: 3 }), EXHAUSTED);
  });
});

describe('An address', () => {
  const use = (slot: string, ip: string, since: number) => ({ type: 'UseAddress', slot, since, ip });
  const drop = (slot: string, since: number) => ({ type: 'DropAddress', slot, since });

  it('is used once, and never again after it was dropped', () => {
    given()
      .when(use('ip1', A, 1))
      .thenFacts(used('ip1', A));
    given(used('ip1', A))
      .when(use('ip1', A, 1))
      .thenNothing();
    given(used('ip1', A), dropped('ip1', A))
      .when(use('ip1', A, 1))
      .thenNothing();
    given(used('ip1', A), dropped('ip1', A))
      .when(use('ip1', A, 2))
      .thenFacts(used('ip1', A, 2));
    given(CLOSED)
      .when(use('ip1', A, 1))
      .thenNothing();
  });

  it('is dropped only while nothing of it is held or rests', () => {
    const past = [ports(K), used('ip1', A)];
    given(...past)
      .when(drop('ip1', 1))
      .thenFacts(dropped('ip1', A));
    given(...past, dropped('ip1', A))
      .when(drop('ip1', 1))
      .thenNothing();
    const held = [...past, got('x', A, K, K, { holding: 1 })];
    given(...held)
      .when(drop('ip1', 1))
      .thenNothing();
    given(...held, freed('x', A, K, K, 2))
      .when(drop('ip1', 1))
      .thenNothing();
    given(...held, freed('x', A, K, K, 2), rested(A, K))
      .when(drop('ip1', 1))
      .thenFacts(dropped('ip1', A));
  });

  it('that was never used can be dropped, so that it never will be', () => {
    const fact: Fact = { type: 'NatAddressDropped.v1', data: { slot: 'ip1', since: 3 } };
    given().when(drop('ip1', 3)).thenFacts(fact);
    given(fact)
      .when(use('ip1', A, 3))
      .thenNothing();
  });

  it('serves nobody once it is dropped', () => {
    given(ports(K), used('ip1', A), dropped('ip1', A))
      .when(ask('x'))
      .thenFacts(awaits('x', { holding: 1 }), EXHAUSTED);
  });
});

describe('Slots are closed', () => {
  it('only when there are no addresses and no holders', () => {
    const close = { type: 'CloseSlots' };
    given(ports(K)).when(close).thenFacts(CLOSED);
    given(ports(K), CLOSED).when(close).thenNothing();
    given(ports(K), used('ip1', A)).when(close).thenNothing();
    given(ports(K), awaits('x', { holding: 1 }))
      .when(close)
      .thenNothing();
  });
});
