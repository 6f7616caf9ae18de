import { type Claim, type DecideContext, type EventMetadata, type Fact, type FactsView, type Folded, factsOf } from '@weft/api';
import { claimHost, grantedIndex, type HostIndex, hostIndexModule, releaseHost } from './host-index.ts';

/** `applied`: for each host, the position up to which its kernel reflects everything. */
function contextOf(...applied: bigint[]): DecideContext {
  const hosts = applied.map((position) => ({ facts: { applied: { '*': `${position}` } } }) as unknown as Folded);
  const view: FactsView = { position: 1_000n, get: () => undefined, list: () => hosts, by: () => [] };
  return { now: '', requestId: '', derive: (label) => label, facts: factsOf(view) };
}

type Book = { state: HostIndex; send: (claim: Claim, context?: DecideContext) => number | string; events: Fact[] };

/** `send` carries out a command, and gives the number that it grants or the reason why it was refused. */
function bookOf(max = 9): Book {
  const module = hostIndexModule(max);
  const book: Book = {
    state: module.initial(),
    events: [],
    send: ({ command }, context = contextOf()) => {
      const decision = module.decide(command, book.state, context);
      if (decision.outcome === 'rejected') return decision.status.message ?? '';
      for (const fact of decision.facts) {
        book.events.push(fact);
        book.state = module.evolve(book.state, { ...fact, metadata: {} as EventMetadata, position: 1n });
      }
      return decision.grants === undefined ? '' : grantedIndex([decision.grants]);
    },
  };
  return book;
}

/** Carries claims out one after the other; gives the index that each was granted. */
function granted(max: number, ...claims: Claim[]): (number | undefined)[] {
  const { send } = bookOf(max);
  return claims.map((claim) => {
    const answer = send(claim);
    return typeof answer === 'number' ? answer : undefined;
  });
}

describe('HostIndex', () => {
  it('gives the lowest number that was never used', () => {
    expect(granted(9, claimHost('a', 'u1', 'fd00::1'), claimHost('b', 'u2', 'fd00::2'))).toEqual([1, 2]);
  });

  it('gives none whose traces the agent found on its machine', () => {
    expect(granted(9, claimHost('a', 'u1', 'fd00::1', [1, 2, 4]), claimHost('b', 'u2', 'fd00::2', [4]))).toEqual([3, 5]);
  });

  it('keeps the number of a host that registers again, whatever traces its agent has found', () => {
    expect(granted(9, claimHost('a', 'u1', 'fd00::1'), claimHost('a', 'u1', 'fd00::1', [1]))).toEqual([1, 1]);
  });

  it('refuses when only numbers to be avoided are left', () => {
    expect(granted(2, claimHost('a', 'u1', 'fd00::1', [1, 2]))).toEqual([undefined]);
  });

  it('gives an underlay address to one host only, and lets a host move to a free one', () => {
    const { send, state } = bookOf();
    send(claimHost('a', 'u1', 'fd00::1'));
    expect(send(claimHost('b', 'u2', 'fd00::1'))).toMatch(/spec.underlay.ip: Duplicate value: "fd00::1": held by Host "a"/);
    expect(send(claimHost('a', 'u1', 'fd00::2'))).toBe(1);
    expect([...state.underlays]).toEqual([['fd00::2', 'u1']]);
    expect(send(claimHost('b', 'u2', 'fd00::1'))).toBe(2);
  });

  it('takes an underlay address away from a host that has left it, and from no other one', () => {
    const { send, state, events } = bookOf();
    send(claimHost('a', 'u1', 'fd00::1'));
    const holder = (uid: string, reason: string): DecideContext => {
      const conditions = [{ type: 'Ready', status: reason === 'AgentReady' ? 'True' : 'False', reason }];
      const host = { status: 'live', object: { metadata: { uid }, status: { conditions } } } as unknown as Folded;
      const view: FactsView = { position: 1n, get: ({ name }) => (name === 'a' ? host : undefined), list: () => [], by: () => [] };
      return { now: '', requestId: '', derive: (label) => label, facts: factsOf(view) };
    };
    for (const keeps of [contextOf(), holder('u1', 'AgentReady'), holder('u1', 'KernelUnreadable'), holder('other', 'HeartbeatsMissing')]) {
      expect(send(claimHost('b', 'u2', 'fd00::1'), keeps)).toMatch(/held by Host "a"/);
    }
    expect(send(claimHost('b', 'u2', 'fd00::1'), holder('u1', 'HeartbeatsMissing'))).toBe(2);
    expect(events.slice(1).map(({ type }) => type)).toEqual(['HostUnderlayTaken.v1', 'HostIndexClaimed.v1']);
    expect([...state.underlays]).toEqual([['fd00::1', 'u2']]);
    // Back, the first one takes what is free; its claim gives nothing up.
    expect(send(claimHost('a', 'u1', 'fd00::2'))).toBe(1);
    expect(events.at(-1)?.data).toEqual({ host: 'a', uid: 'u1', underlay: 'fd00::2' });
    expect(send(claimHost('a', 'u1', 'fd00::1'), { ...holder('u2', 'UnderlayAddressMissing') })).toMatch(/held by Host "b"/);
    // A host that has lost its address and ends gives up its number only.
    expect(send(claimHost('b', 'u2', 'fd00::2'), holder('u1', 'UnderlayAddressMissing'))).toBe(2);
    send(releaseHost('u1'));
    expect([...state.underlays]).toEqual([['fd00::2', 'u2']]);
  });

  it('gives a released number again once every host has applied the removal of its holder, the longest rested first', () => {
    const { send, state } = bookOf(2);
    send(claimHost('a', 'u1', 'fd00::1'));
    send(claimHost('b', 'u2', 'fd00::2'));
    const released = (uid: string, at: string): Claim => {
      const { stream, command } = releaseHost(uid);
      return { stream, command: { ...command, at } };
    };
    send(released('u2', '20'));
    send(released('u1', '30'));
    expect([...state.resting]).toEqual([
      [2, '20'],
      [1, '30'],
    ]);
    expect(send(claimHost('c', 'u3', 'fd00::1'), contextOf(25n, 19n))).toMatch(/all host numbers are in use or rest/);
    expect(send(claimHost('c', 'u3', 'fd00::1'), contextOf(25n, 20n))).toBe(2);
    expect([...state.resting]).toEqual([[1, '30']]);
  });

  it('does nothing for a release of something that is not held', () => {
    const { send, events } = bookOf();
    send(releaseHost('nobody'));
    send({ stream: 'HostIndex-.hosts', command: { type: 'ReturnUnderlay', uid: 'nobody', underlay: 'fd00::1' } });
    expect(events).toEqual([]);
  });

  it('returns a host to its former address, unless another one has that by now', () => {
    const { send, state, events } = bookOf();
    const back: Claim = { stream: 'HostIndex-.hosts', command: { type: 'ReturnUnderlay', uid: 'u1', underlay: 'fd00::1' } };
    send(claimHost('a', 'u1', 'fd00::1'));
    send(back);
    expect(events).toHaveLength(1);
    send(claimHost('a', 'u1', 'fd00::2'));
    send(back);
    expect([...state.underlays]).toEqual([['fd00::1', 'u1']]);
    // Which is no claim: nobody has to give it back.
    const undone = { ...events.at(-1)!, metadata: {} as EventMetadata };
    expect(hostIndexModule().granted?.('HostIndex-.hosts', undone)).toBeUndefined();
    send(claimHost('a', 'u1', 'fd00::2'));
    send(claimHost('b', 'u2', 'fd00::1'));
    send(back);
    expect(state.holders.get('u1')?.underlay).toBe('fd00::2');
  });

  it('names the object of each grant and the command that gives it back', () => {
    const { granted: grantOf } = hostIndexModule();
    const stream = 'HostIndex-.hosts';
    const of = (type: string, data: object) => grantOf?.(stream, { type, data: { uid: 'u1', ...data }, metadata: {} as EventMetadata });
    const object = { kind: 'Host', name: 'a' };
    expect(of('HostIndexClaimed.v1', { host: 'a', underlay: 'fd00::1', index: 1 })).toEqual({
      object,
      release: { stream, command: { type: 'ReleaseHost', uid: 'u1' } },
    });
    expect(of('HostUnderlayMoved.v1', { host: 'a', underlay: 'fd00::2', from: 'fd00::1' })).toEqual({
      object,
      release: { stream, command: { type: 'ReturnUnderlay', uid: 'u1', underlay: 'fd00::1' } },
    });
    expect(of('HostUnderlayMoved.v1', { underlay: 'fd00::2' })).toBeUndefined();
    expect(of('HostIndexReleased.v1', { index: 1, at: '0' })).toBeUndefined();
  });

  it('refuses commands that are not as they should be', () => {
    const { send } = bookOf();
    expect(send({ stream: 'HostIndex-.hosts', command: { type: 'ClaimHost', host: 'a', uid: 'u1' } })).toMatch(/underlay/);
    expect(send({ stream: 'HostIndex-.hosts', command: { type: 'Claim' } })).toMatch(/no command "Claim"/);
  });
});
