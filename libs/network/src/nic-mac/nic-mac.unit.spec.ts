import type { Fact, FactsView, JsonObject, ReservationModule } from '@weft/api';
import { partitionOf } from '@weft/api';
import { below, contextOf, factsOf, randomOf, recorded, specForReservation } from '@weft/testing';
import fc from 'fast-check';
import { BLOCKS_MAX, macNumber, macText } from './mac.ts';
import { MAC_BLOCKS_STREAM, macBlocks } from './mac-blocks.ts';
import { MacStock, type Reserve } from './mac-stock.ts';
import { type NicMacs, nicMacs, nicMacsStream, returnMac } from './nic-macs.ts';

const blocks = specForReservation(macBlocks, 'MacBlocks-.macs');
const macs = specForReservation(nicMacs, nicMacsStream(7));
const granted = (partition: number, block: number): Fact => ({ type: 'MacBlockGranted.v1', data: { partition, block } });
const added = (block: number): Fact => ({ type: 'MacBlockAdded.v1', data: { block } });
const drawn = (...ranges: { from: number; count: number }[]): Fact => ({ type: 'MacsDrawn.v1', data: { ranges } });
const returned = (mac: number, at: string, inRows = false): Fact => ({ type: 'MacReturned.v1', data: { mac: macText(mac), at, inRows } });
const B = 4_096;

describe('A MAC', () => {
  it('is 02: and 40 bits', () => {
    expect(macText(0)).toBe('02:00:00:00:00:00');
    expect(macText(2 ** 40 - 1)).toBe('02:ff:ff:ff:ff:ff');
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 40 - 1 }), (number) => expect(macNumber(macText(number))).toBe(number)));
  });
});

describe('MacBlocks', () => {
  it('hands out the lowest block that nobody has; never the one with the gateway’s MAC', () => {
    expect(blocks().when({ type: 'GrantBlock', partition: 3 }).thenFacts(granted(3, 1)).decision?.grants).toEqual({ block: 1 });
    blocks(granted(3, 1)).when({ type: 'GrantBlock', partition: 5 }).thenFacts(granted(5, 2));
    blocks(granted(3, 1)).when({ type: 'GrantBlock', partition: 3, have: 1 }).thenFacts(granted(3, 2));
  });

  it('tells a grant that its partition has not heard of instead of giving another', () => {
    expect(blocks(granted(3, 1)).when({ type: 'GrantBlock', partition: 3 }).thenNothing().decision?.grants).toEqual({ block: 1 });
  });

  it('tells that there are no more instead of refusing: what came back can be drawn then', () => {
    expect(blocks(granted(3, BLOCKS_MAX)).when({ type: 'GrantBlock', partition: 5 }).thenNothing().decision?.grants).toEqual({});
  });
});

describe('NicMacs', () => {
  it('belongs to the partition that its name tells', () => {
    expect(partitionOf(nicMacs.partitionKey(nicMacsStream(17)))).toBe(17);
  });

  it('draws a range once, up to the end of the block, and then asks for another block', () => {
    expect(macs().when({ type: 'DrawMacs', count: 8 }).thenNothing().decision?.grants).toEqual({ needsBlock: true });
    macs(added(2))
      .when({ type: 'DrawMacs', count: 8 })
      .thenFacts(drawn({ from: 2 * B, count: 8 }));
    macs(added(2), drawn({ from: 2 * B, count: B - 3 }))
      .when({ type: 'DrawMacs', count: 8 })
      .thenFacts(drawn({ from: 3 * B - 3, count: 3 }));
    expect(
      macs(added(2), drawn({ from: 2 * B, count: B }))
        .when({ type: 'DrawMacs', count: 8 })
        .thenNothing().decision?.grants,
    ).toEqual({ needsBlock: true, have: 2 });
  });

  it('takes a block once', () => {
    macs(added(2)).when({ type: 'AddBlock', block: 2 }).thenNothing();
    macs(added(2)).when({ type: 'AddBlock', block: 9 }).thenFacts(added(9));
  });

  const full = [added(2), drawn({ from: 2 * B, count: B })] as const;
  const again = { type: 'DrawMacs', count: 2, noBlocks: true };

  it('draws returned ones again only when there are no blocks any more, oldest first', () => {
    const past = [...full, returned(2 * B + 5, '100'), returned(2 * B + 1, '200'), returned(2 * B + 2, '300')];
    expect(macs(...past).when({ type: 'DrawMacs', count: 2 }).decided.decision?.grants).toEqual({ needsBlock: true, have: 2 });
    macs(...past)
      .when(again)
      .thenFacts(drawn({ from: 2 * B + 5, count: 1 }, { from: 2 * B + 1, count: 1 }));
    macs(...full)
      .when(again)
      .thenRejected(500, /all MACs are in use or rest/);
  });

  it('lets one that was in rows rest until every host has applied its removal', () => {
    const host = (applied: string) => factsWithHost({ '*': applied });
    const past = [...full, returned(2 * B + 5, '100', true)];
    macs(...past)
      .when(again, { facts: host('99') })
      .thenRejected(500);
    macs(...past)
      .when(again, { facts: host('100') })
      .thenTypes('MacsDrawn.v1');
    // A view that has not seen the return yet cannot tell.
    macs(...past)
      .when(again, { facts: factsOf([], () => [], 99n) })
      .thenRejected(500);
  });

  it('takes a MAC back once for each time that it was drawn', () => {
    const { command } = returnMac(7, macText(2 * B + 5), '100', false, undefined);
    macs(...full)
      .when(command)
      .thenFacts(returned(2 * B + 5, '100'));
    macs(...full, returned(2 * B + 5, '100'))
      .when(command)
      .thenNothing();
    const redrawn = [...full, returned(2 * B + 5, '100'), drawn({ from: 2 * B + 5, count: 1 })];
    macs(...redrawn)
      .when(command)
      .thenNothing();
    macs(...redrawn)
      .when({ ...command, at: '101' })
      .thenTypes('MacReturned.v1');
    macs(added(2)).when(command).thenNothing();
  });
});

describe('A stock', () => {
  it('draws what has come back and rested once all blocks are handed out', async () => {
    const past: Readonly<Record<string, readonly Fact[]>> = {
      [MAC_BLOCKS_STREAM]: [granted(7, BLOCKS_MAX)],
      [nicMacsStream(7)]: [added(BLOCKS_MAX), drawn({ from: BLOCKS_MAX * B, count: B }), returned(BLOCKS_MAX * B + 5, '100')],
    };
    const reserve: Reserve = async (stream, command) => {
      const module = (stream === MAC_BLOCKS_STREAM ? macBlocks : nicMacs) as ReservationModule;
      const state = recorded(stream, past[stream] ?? []).reduce((state, event) => module.evolve(state, event), module.initial());
      const decision = module.decide(command, state, contextOf());
      if (decision.outcome === 'rejected') throw new Error(decision.status.message);
      return decision.grants ?? {};
    };
    const stock = new MacStock(7);
    await stock.refill(reserve);
    expect([stock.take(), stock.take()]).toEqual([macText(BLOCKS_MAX * B + 5), undefined]);
  });
});

describe('Stocks of writers that overtake each other', () => {
  /** A store of the two kinds of streams: appends with an exact revision, or `WrongRevision`. */
  class Streams {
    readonly #events = new Map<string, Fact[]>();
    read<S>(module: ReservationModule<S>, stream: string): { state: S; revision: number } {
      const facts = this.#events.get(stream) ?? [];
      return {
        state: recorded(stream, facts).reduce((state, event) => module.evolve(state, event), module.initial()),
        revision: facts.length,
      };
    }
    append(stream: string, expected: number, facts: readonly Fact[]): boolean {
      const events = this.#events.get(stream) ?? [];
      if (events.length !== expected) return false;
      this.#events.set(stream, [...events, ...facts]);
      return true;
    }
  }

  /** A writer with a view of its partition's stream that may be stale: then its append is refused, and it loses its stock with its lease. */
  const writer = (streams: Streams, partition: number, isStale: () => boolean): { stock: MacStock; reserve: Reserve } => {
    let cached: { state: NicMacs; revision: number } | undefined;
    const reserve: Reserve = async (stream, command) => {
      const module = (stream.startsWith('MacBlocks') ? macBlocks : nicMacs) as ReservationModule;
      for (let attempt = 0; attempt < 9; attempt++) {
        const own = module === (nicMacs as ReservationModule);
        const { state, revision } = own && isStale() && cached !== undefined ? cached : streams.read(module, stream);
        if (own) cached = { state: state as NicMacs, revision };
        const decision = module.decide(command, state, contextOf());
        if (decision.outcome === 'rejected') throw new Error(decision.status.message);
        if (decision.facts.length === 0 || streams.append(stream, revision, decision.facts)) return (decision.grants ?? {}) as JsonObject;
        if (own) throw new Error('WrongRevision: the lease has gone to another');
      }
      throw new Error('overtaken too often');
    };
    return { stock: new MacStock(partition), reserve };
  };

  it('never give one MAC twice, stale holders included', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = randomOf(seed);
      const streams = new Streams();
      const writers: ReturnType<typeof writer>[] = [];
      const taken = new Set<string>();
      let count = 0;
      for (let step = 0; step < 60; step++) {
        // A new holder of a lease begins with an empty stock; the old one may go on as long as it has some.
        if (writers.length === 0 || random() < 0.2) writers.push(writer(streams, below(random, 2), () => random() < 0.5));
        const { stock, reserve } = writers[below(random, writers.length)]!;
        if (stock.size === 0) await stock.refill(reserve).catch((error: Error) => expect(error.message).toMatch(/WrongRevision/));
        for (let i = below(random, 700); i > 0; i--) {
          const mac = stock.take();
          if (mac === undefined) break;
          taken.add(mac);
          count++;
        }
      }
      expect(taken.size).toBe(count);
      expect(count).toBeGreaterThan(100);
    }
  });
});

function factsWithHost(applied: Record<string, string>): FactsView {
  const metadata = { name: 'h', uid: '', resourceVersion: '', creationTimestamp: '' };
  const host = {
    status: 'live' as const,
    key: { kind: 'Host', name: 'h' },
    object: { apiVersion: '', kind: 'Host', metadata },
    facts: { applied },
    revision: 0n,
    position: 0n,
    facets: {},
    requests: [],
  };
  return { position: 1_000n, get: () => undefined, list: () => [host], by: () => [host] };
}
