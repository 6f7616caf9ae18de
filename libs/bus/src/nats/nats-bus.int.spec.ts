import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { until } from '@weft/testing/waiting';
import { BusDownError, BusTimeoutError } from '../errors.ts';
import { createRowPublisher, newTerm } from '../rows/row-publisher.ts';
import { createRowSubscriber } from '../rows/row-subscriber.ts';
import { findNatsServer, NatsServerMissingError } from '../server/nats-binary.ts';
import { natsTargetOf } from '../server/nats-directory.ts';
import { type NatsServer, startNatsServer } from '../server/nats-server.ts';
import { freePort } from '../server/ports.ts';
import { bytes, freeze, keptLog, temporaryDirectory, text } from '../testing/fixtures.ts';
import { connectBus, type NatsBus, type NatsBusOptions, openNatsBus } from './nats-bus.ts';
import type { NatsTarget } from './target.ts';

const timing = { backoffMsFirst: 10, backoffMsMax: 50, pingMs: 50, pongMs: 10_000, dialMs: 10_000, drainMs: 500 };
/** For a server that stands still: noticed soon, but not because it has to wait for a processor. */
const impatient = { ...timing, pongMs: 2_000, dialMs: 1_000 };

function hasNatsServer(): boolean {
  try {
    return findNatsServer(process.env) !== '';
  } catch (error) {
    if (error instanceof NatsServerMissingError) return false;
    throw error;
  }
}

(hasNatsServer() ? describe : describe.skip)(hasNatsServer() ? 'The NATS bus' : 'The NATS bus (skipped: no nats-server program)', () => {
  const log = keptLog();
  const directories: string[] = [];
  const servers: NatsServer[] = [];
  const buses: NatsBus[] = [];

  const directory = () => {
    const path = temporaryDirectory();
    directories.push(path);
    return path;
  };
  const start = async (path: string) => {
    const server = await startNatsServer({ directory: path, log });
    servers.push(server);
    return server;
  };
  const open = (target: NatsBusOptions['target'], own: NatsBusOptions['timing'] = timing) => {
    const bus = openNatsBus({ target, name: 'test', log, timing: own });
    buses.push(bus);
    return bus;
  };
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true });
    log.lines.length = 0;
  });

  it('sees that a frozen server is gone, and does not mind how long', async () => {
    const path = directory();
    const server = await start(path);
    const bus = open(natsTargetOf(path), impatient);
    await bus.untilConnected(20_000);
    const seen: boolean[] = [];
    bus.onConnection((connected) => seen.push(connected));
    await freeze(server.pid as number);
    try {
      const outcome = bus.request('r.frozen', bytes('x'), { timeoutMs: 25_000 }).catch((error) => error);
      // More than the kernel's buffers take: what is left must not keep the dead connection from being let go.
      for (let i = 0; i < 16; i++) bus.publish('a.bulk', new Uint8Array(1024 * 1024));
      await until('the loss to be seen', () => !bus.connected);
      expect(await outcome).toBeInstanceOf(BusTimeoutError);
      await until('a dial that fails', () => /no greeting/.test(bus.problem ?? ''));
    } finally {
      process.kill(server.pid as number, 'SIGCONT');
    }
    await until('the connection to be back', () => bus.connected);
    expect(seen).toEqual([true, false, true]);
    await bus.flush();
  });

  it('does not take its own standstill for the server’s', async () => {
    const path = directory();
    await start(path);
    const bus = open(natsTargetOf(path), { ...impatient, pongMs: 600 });
    await bus.untilConnected(20_000);
    const seen: boolean[] = [];
    bus.onConnection((connected) => seen.push(connected));
    for (let i = 0; i < 3; i++) {
      // A ping is on its way most of the time; then this process does nothing else for longer than a pong may take.
      await new Promise((resolve) => setTimeout(resolve, 51));
      const end = performance.now() + 900;
      while (performance.now() < end);
    }
    await bus.flush();
    expect(seen).toEqual([true]);
  });

  it('reads address and token anew at each dial', async () => {
    const [first, second] = [directory(), directory()];
    const old = await start(first);
    let target: () => NatsTarget = natsTargetOf(first);
    const bus = open(() => target());
    const got: string[] = [];
    bus.subscribe('a.b', ({ data }) => got.push(text(data)));
    await bus.untilConnected(20_000);
    await start(second);
    target = natsTargetOf(second);
    const seen: boolean[] = [];
    bus.onConnection((connected) => seen.push(connected));
    await old.stop();
    await until('the other server to be found', () => seen.length === 3);
    expect(seen).toEqual([true, false, true]);
    await bus.flush();
    bus.publish('a.b', bytes('x'));
    await until('the message', () => got.length === 1);
  });

  it('works on when its server dies and is restarted by its parent', async () => {
    const path = directory();
    const server = await start(path);
    const bus = open(natsTargetOf(path));
    bus.serve('r.echo', ({ data }) => data);
    await bus.untilConnected(20_000);
    await bus.flush();
    const pid = server.pid as number;
    const seen: boolean[] = [];
    bus.onConnection((connected) => seen.push(connected));
    process.kill(pid, 'SIGKILL');
    await until('the server to be restarted', () => server.pid !== pid && server.problem === undefined);
    await until('the connection to be back', () => seen.includes(false) && bus.connected);
    await bus.flush();
    expect(text(await bus.request('r.echo', bytes('x'), { timeoutMs: 20_000 }))).toBe('x');
  });

  it('tries all servers that it knows', async () => {
    const path = directory();
    await start(path);
    const { servers: real, token } = natsTargetOf(path)();
    const dead = [await freePort(), await freePort()].map((port) => `nats://127.0.0.1:${port}`);
    const bus = open(() => ({ servers: [...dead, ...real], ...(token === undefined ? {} : { token }) }));
    await bus.untilConnected(20_000);
  });

  describe('says why there is no connection', () => {
    it.each<[string, () => Promise<NatsTarget>, RegExp]>([
      ['nothing listens', async () => ({ servers: [`127.0.0.1:${await freePort()}`] }), /ECONNREFUSED/],
      ['no server is named', async () => ({ servers: [] }), /no server is configured/],
      ['the address is none', async () => ({ servers: ['http://secret@x/'] }), /not the address of a NATS server.*: http:\/\/x\/$/],
      ['the target cannot be read', () => Promise.reject(new Error('no such file')), /no such file/],
    ])('%s', async (_, target, reason) => {
      const bus = open(target);
      await until('a first dial', () => bus.problem !== 'not connected yet');
      expect(bus.problem).toMatch(reason);
      await expect(bus.untilConnected(20)).rejects.toMatchObject({ code: 'BusDown' });
      await expect(bus.request('a', bytes(''), { timeoutMs: 100 })).rejects.toBeInstanceOf(BusDownError);
      await expect(bus.flush()).rejects.toBeInstanceOf(BusDownError);
      bus.publish('a', bytes('dropped'));
    });

    it('the token is wrong, without telling it', async () => {
      const path = directory();
      await start(path);
      const bus = open(() => ({ servers: natsTargetOf(path)().servers, token: 'not-the-right-one' }));
      await until('a first dial', () => bus.problem !== 'not connected yet');
      expect(bus.problem).toMatch(/authorization/i);
      expect(JSON.stringify(log.lines)).not.toContain('not-the-right-one');
    });

    it('something else listens', async () => {
      const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const address = other.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const bus = open(() => ({ servers: [`127.0.0.1:${port}`] }));
      await until('a first dial', () => bus.problem !== 'not connected yet');
      expect(bus.problem).toMatch(/is no NATS server/);
      await bus.close();
      await new Promise((resolve) => other.close(resolve));
    });
  });

  it('gives up the first connection after the given time, and leaves nothing behind', async () => {
    const port = await freePort();
    await expect(
      connectBus({ target: () => ({ servers: [`127.0.0.1:${port}`] }), name: 'test', log, timing, waitMs: 100 }),
    ).rejects.toBeInstanceOf(BusDownError);
  });

  it('carries rows through a death of the server', async () => {
    const path = directory();
    const server = await start(path);
    const [projecting, following] = [open(natsTargetOf(path)), open(natsTargetOf(path))];
    await Promise.all([projecting.untilConnected(20_000), following.untilConnected(20_000)]);
    const projector = createRowPublisher({ bus: projecting, context: 'network', log });
    const agent = createRowSubscriber({ bus: following, contexts: ['network'], log, timing: { retryMsFirst: 10, retryMsMax: 100 } });
    const fill = (from: number, rev: bigint) => {
      projector.change(
        'hosts',
        Array.from({ length: 20_000 }, (_, i) => ({ key: `h${from + i}`, row: { v: i, text: `Größe ${i}` } })),
        rev,
      );
      projector.progress(rev);
    };
    fill(0, 5n);
    projector.open(newTerm(new Date(), 'ab12'));
    agent.follow('network', 'hosts');
    await until('the snapshot', () => agent.gaplessTo('network') === 5n);
    expect(agent.view('hosts')?.rows.size).toBe(20_000);

    const pid = server.pid as number;
    process.kill(pid, 'SIGKILL');
    await until('the loss to be seen', () => !projecting.connected && !following.connected);
    fill(10_000, 6n); // Nobody hears it.
    await until('all rows after the restart', () => agent.gaplessTo('network') === 6n);
    expect(new Map(agent.view('hosts')?.rows)).toEqual(projector.tables.get('hosts')?.rows);
    await agent.close();
    await projector.close();
  });
});
