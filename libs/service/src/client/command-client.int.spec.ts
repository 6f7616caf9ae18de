import { randomUUID } from 'node:crypto';
import { type CommandEnvelope, type Reply, registry } from '@weft/api';
import { type Bus, createMemoryHub, encodeJson, subjects } from '@weft/bus';
import { ownerOf } from '../runtime/routing.ts';
import { systemClock, tester } from '../testing/runtime.ts';
import { thing, thingDomain } from '../testing/things.ts';
import { createCommandClient } from './command-client.ts';
import { OwnPartitions } from './own-partitions.ts';

const kinds = registry([thingDomain()]);
const command = thing('a', 'one');
const done: Reply = { ok: true, code: 201, position: '7' };
const status = (code: number) => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'why', code }) as const;

describe('CommandClient', () => {
  let hub: ReturnType<typeof createMemoryHub>;
  let owner: Bus;
  beforeEach(() => {
    hub = createMemoryHub();
    owner = hub.connect();
  });

  function serve(answer: (envelope: CommandEnvelope, attempt: number) => Reply | Promise<Reply>): CommandEnvelope[] {
    const seen: CommandEnvelope[] = [];
    const route = ownerOf(kinds, command);
    owner.serve(subjects.command('network', route?.partition ?? 0), async ({ data }) => {
      const envelope = JSON.parse(new TextDecoder().decode(data)) as CommandEnvelope;
      seen.push(envelope);
      return encodeJson((await answer(envelope, seen.length)) as never);
    });
    return seen;
  }

  async function send(timeoutMs = 8_000, bus = hub.connect()) {
    const startedMs = performance.now();
    const client = createCommandClient({ bus, registry: kinds, clock: systemClock });
    const reply = await client.send(command, { requestId: randomUUID(), actor: tester, timeoutMs, after: 9n });
    return { reply, tookMs: performance.now() - startedMs };
  }

  it('sends the same request again while certainly nothing was done', async () => {
    const seen = serve((_, attempt) => (attempt < 3 ? { ok: false, retry: 'safe', status: status(503) } : done));
    expect((await send()).reply).toEqual(done);
    expect(new Set(seen.map(({ requestId }) => requestId)).size).toBe(1);
    expect(seen[0]).toMatchObject({ actor: tester, after: '9' });
  });

  it('asks an owner of its own process, unless that does not hold the partition, or cannot prove it without a bus', async () => {
    const seen = serve(() => done);
    const ownPartitions = new OwnPartitions();
    const route = ownerOf(kinds, command);
    const held = new Set([route?.partition]);
    const here: Reply = { ok: true, code: 201, position: '8' };
    ownPartitions.add('network', { execute: (partition) => (held.has(partition) ? Promise.resolve(here) : undefined) });
    const bus = hub.connect();
    const client = createCommandClient({ bus, registry: kinds, clock: systemClock, ownPartitions });
    const options = () => ({ requestId: randomUUID(), actor: tester, timeoutMs: 300 });
    expect([await client.send(command, options()), seen.length]).toEqual([here, 0]);
    held.clear();
    expect([await client.send(command, options()), seen.length]).toEqual([done, 1]);
    held.add(route?.partition);
    await bus.close();
    expect(await client.send(command, options())).toMatchObject({ ok: false, status: { code: 503 } });
  });

  it('waits for an owner that is not there yet', async () => {
    const sent = send();
    await new Promise((resolve) => setImmediate(resolve));
    serve(() => done);
    expect((await sent).reply).toEqual(done);
  });

  it('ends with 503 in time when nobody serves the partition', async () => {
    const { reply, tookMs } = await send(300);
    expect(reply).toMatchObject({ ok: false, retry: 'safe', status: { code: 503, details: { retryAfterSeconds: 1 } } });
    expect(tookMs).toBeLessThan(4_000);
  });

  it('ends with 503 when the bus is down, and with 504 when it broke under the request', async () => {
    const down = hub.connect();
    await down.close();
    expect((await send(200, down)).reply).toMatchObject({ ok: false, retry: 'safe', status: { code: 503 } });
    serve(() => new Promise(() => {}));
    const { reply, tookMs } = await send(300);
    expect(reply).toMatchObject({ ok: false, retry: 'unknown', status: { code: 504 } });
    expect(tookMs).toBeLessThan(4_000);
  });

  it('ends with 504 when an unknown outcome is followed by no answer', async () => {
    serve((_, attempt) =>
      attempt === 1 ? { ok: false, retry: 'unknown', status: status(504) } : { ok: false, retry: 'safe', status: status(503) },
    );
    expect((await send(200)).reply).toMatchObject({ ok: false, retry: 'unknown', status: { code: 504 } });
  });

  it('tells what the owner said last, and that it has not answered since', async () => {
    const disk = { ...status(504), message: 'the disk is full' };
    serve((_, attempt) => (attempt === 1 ? { ok: false, retry: 'unknown', status: disk } : new Promise(() => {})));
    expect((await send(300)).reply).toMatchObject({
      status: { message: expect.stringMatching(/the disk is full; then BusTimeout: no answer/) },
    });
  });

  it('tells a repeat that was not carried out from the attempt whose outcome is not known', async () => {
    const [disk, late] = [
      { ...status(504), message: 'the disk is full' },
      { ...status(503), message: 'it was not begun' },
    ];
    serve((_, attempt) => (attempt === 1 ? { ok: false, retry: 'unknown', status: disk } : { ok: false, retry: 'safe', status: late }));
    expect((await send(200)).reply).toMatchObject({
      status: { message: expect.stringContaining('(the disk is full; then a repeat was not carried out: it was not begun)') },
    });
  });

  it('calls nothing a repeat that came before the attempt whose outcome is not known', async () => {
    serve((_, attempt) =>
      attempt === 1 ? { ok: false, retry: 'safe', status: { ...status(503), message: 'it was not begun' } } : new Promise(() => {}),
    );
    expect((await send(300)).reply).toMatchObject({
      status: { code: 504, message: expect.stringContaining('(it was not begun; then BusTimeout: ') },
    });
  });

  it('gives refusals and overload to the caller at once', async () => {
    const seen = serve((_, attempt) => ({ ok: false, retry: attempt === 1 ? 'no' : 'safe', status: status(attempt === 1 ? 422 : 429) }));
    expect((await send()).reply).toMatchObject({ ok: false, status: { code: 422 } });
    expect((await send()).reply).toMatchObject({ ok: false, status: { code: 429 } });
    expect(seen).toHaveLength(2);
  });
});
