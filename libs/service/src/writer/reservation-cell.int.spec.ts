import { randomUUID } from 'node:crypto';
import { type CommandEnvelope, factsOf, toEvents } from '@weft/api';
import { createMemoryStore, type EventStore, UnavailableError } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { systemClock, tester } from '../testing/runtime.ts';
import { book } from '../testing/things.ts';
import { AppendHealth } from './appender.ts';
import { ReservationCell } from './reservation-cell.ts';

const stream = 'Book-a.book';

function envelope(): CommandEnvelope {
  const requestId = randomUUID();
  const command = { verb: 'reserve', stream, command: { type: 'Claim' } } as const;
  return { command, requestId, actor: tester, correlationId: requestId, causationId: requestId, timeoutMs: 5_000 };
}

const facts = factsOf({ get: () => undefined, list: () => [], by: () => [] });

describe('ReservationCell', () => {
  let inner: EventStore;
  let appends: number;
  let gate: Promise<void> | undefined;
  let cell: ReservationCell;
  beforeEach(async () => {
    inner = await createMemoryStore();
    appends = 0;
    gate = undefined;
    const store: Pick<EventStore, 'append' | 'readStream'> = {
      append: async (...call) => {
        appends++;
        await gate;
        return inner.append(...call);
      },
      readStream: (...call) => inner.readStream(...call),
    };
    cell = new ReservationCell({}, stream, book, {
      store: store as EventStore,
      clock: systemClock,
      appends: new AppendHealth(systemClock),
    });
  });

  const claim = (address: string, holder: string, deadlineMs = performance.now() + 5_000) => {
    const sent = envelope();
    const context = { now: new Date().toISOString(), requestId: sent.requestId, derive: () => '', facts };
    return cell.reserve({ type: 'Claim', address, holder }, sent, context, deadlineMs);
  };

  function closeGate(): () => void {
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      gate = undefined;
      open();
    };
  }

  async function holders(): Promise<Record<string, string>> {
    const held: Record<string, string> = {};
    for await (const { data } of inner.readStream(stream)) {
      const address = data['address'] as string;
      expect(held[address]).toBeUndefined();
      held[address] = data['holder'] as string;
    }
    return held;
  }

  it('sends nothing that was decided on an append which another writer has overtaken', async () => {
    await claim('10.0.0.1', 'first');
    const open = closeGate();
    const underWay = claim('10.0.0.2', 'mine');
    await until('it is under way', () => appends === 2);
    const queued = claim('10.0.0.3', 'mine');
    // An event of another writer takes the place of the one under way: the expected revision of the queued one would still be right.
    const foreign = [{ type: 'Claimed.v1', data: { address: '10.0.0.3', holder: 'other' } }];
    await inner.append(stream, 0n, toEvents(foreign, envelope(), { stream, expected: 0n, now: new Date().toISOString() }));
    open();
    expect(await underWay).toMatchObject({ outcome: 'granted' });
    expect(await queued).toMatchObject({ outcome: 'refused', status: { message: '10.0.0.3 is held by other' } });
    expect(await holders()).toEqual({ '10.0.0.1': 'first', '10.0.0.3': 'other', '10.0.0.2': 'mine' });
  });

  it('puts everything that comes during an append into the next one', async () => {
    const open = closeGate();
    const first = claim('10.0.0.0', 'x');
    await until('it is under way', () => appends === 1);
    const rest = Array.from({ length: 100 }, (_, i) => claim(`10.0.1.${i}`, 'x'));
    open();
    expect((await Promise.all([first, ...rest])).every(({ outcome }) => outcome === 'granted')).toBe(true);
    expect(appends).toBe(2);
  });

  it('answers a claim that is queued already only once that is durable', async () => {
    const open = closeGate();
    const first = claim('10.0.0.1', 'x');
    await until('it is under way', () => appends === 1);
    let answered = false;
    const again = claim('10.0.0.1', 'x').then((result) => {
      answered = true;
      return result;
    });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    open();
    expect(await first).toMatchObject({ outcome: 'granted' });
    expect(await again).toMatchObject({ outcome: 'granted', facts: [] });
  });

  it('reports an unknown outcome differently from an append that was certainly not made', async () => {
    let failing = true;
    const store = {
      append: async () => {
        throw new UnavailableError('the disk is away');
      },
      // biome-ignore lint/correctness/useYield: an empty stream
      readStream: async function* () {
        if (!failing) throw new UnavailableError('the disk is away');
      },
    };
    cell = new ReservationCell({}, stream, book, { store: store as never, clock: systemClock, appends: new AppendHealth(systemClock) });
    await expect(claim('10.0.0.1', 'x', performance.now() + 100)).rejects.toMatchObject({ retry: 'unknown' });
    failing = false;
    await expect(claim('10.0.0.1', 'x', performance.now() + 100)).rejects.toMatchObject({ retry: 'safe' });
  });
});
