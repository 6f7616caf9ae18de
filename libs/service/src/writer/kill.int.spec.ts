import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Reply, registry } from '@weft/api';
import {
  findNatsServer,
  type NatsBus,
  type NatsServer,
  NatsServerMissingError,
  natsTargetOf,
  openNatsBus,
  startNatsServer,
} from '@weft/bus';
import { type EventStore, openEmbeddedStore } from '@weft/event-store';
import { createCommandClient } from '../client/command-client.ts';
import { makeNamespace, quietLog, systemClock, tester } from '../testing/runtime.ts';
import { thing, thingDomain } from '../testing/things.ts';

function hasNatsServer(): boolean {
  try {
    return findNatsServer(process.env) !== '';
  } catch (error) {
    if (error instanceof NatsServerMissingError) return false;
    throw error;
  }
}

const title = 'A writer that is killed';
(hasNatsServer() ? describe : describe.skip)(hasNatsServer() ? title : `${title} (skipped: no nats-server program)`, () => {
  const directory = mkdtempSync(join(tmpdir(), `weft-kill-${process.pid}-`));
  const log = quietLog();
  const children: ChildProcess[] = [];
  let nats: NatsServer;
  let bus: NatsBus;
  let store: EventStore;

  beforeAll(async () => {
    nats = await startNatsServer({ directory: join(directory, 'nats'), log });
    bus = openNatsBus({ target: natsTargetOf(join(directory, 'nats')), name: 'test', log });
    store = await openEmbeddedStore({ directory: join(directory, 'events') });
    await makeNamespace(store, 'a');
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await bus?.close();
    await store?.close();
    await nats?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Resolves when it serves. */
  async function startReplica(dieAtFlush: number): Promise<{ child: ChildProcess; gone: Promise<unknown> }> {
    const run = join(import.meta.dirname, '../../../../tools/run.mjs');
    const child = fork(run, [join(import.meta.dirname, '../testing/replica.child.ts'), directory, String(dieAtFlush)], { execArgv: [] });
    children.push(child);
    const gone = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`the replica ended with ${code}`)));
    });
    return { child, gone };
  }

  async function typesOf(stream: string): Promise<string[]> {
    const types: string[] = [];
    for await (const event of store.readStream(stream)) types.push(event.type);
    return types;
  }

  it.each([
    [1, 'between claim and object'],
    [2, 'between the object’s append and the reply'],
  ])(
    'dies at flush %i, %s: a repeat of the request gives the one outcome',
    async (flush) => {
      const client = createCommandClient({ bus, registry: registry([thingDomain()]), clock: systemClock });
      const first = await startReplica(flush);
      const requestId = randomUUID();
      const send = (timeoutMs: number): Promise<Reply> =>
        client.send(thing('a', `one${flush}`, `10.0.0.${flush}`), { requestId, actor: tester, timeoutMs });
      // A caller that gives up early does not know the outcome.
      expect(await send(1_000)).toMatchObject({ ok: false, retry: 'unknown', status: { code: 504 } });
      expect(await first.gone).toBe('SIGKILL');
      const second = await startReplica(0);
      const reply = await send(8_000);
      expect(reply).toMatchObject({ ok: true, code: 201, ...(flush === 2 && { repeated: true }) });
      expect(await typesOf(`Thing-a.one${flush}`)).toEqual(['ThingCreated.v1']);
      expect((await typesOf('Book-a.book')).filter((type) => type === 'Claimed.v1')).toHaveLength(flush);
      second.child.kill('SIGKILL');
      await second.gone;
    },
    120_000,
  );
});
