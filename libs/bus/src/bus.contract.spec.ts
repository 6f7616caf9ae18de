import { rmSync } from 'node:fs';
import { until } from '@weft/testing/waiting';
import { BusClosedError, BusDownError, BusError, BusTimeoutError, NoResponderError, PayloadTooLargeError } from './errors.ts';
import { createMemoryHub } from './memory/memory-bus.ts';
import { connectBus, type NatsBusTiming } from './nats/nats-bus.ts';
import { type Bus } from './port.ts';
import { findNatsServer, NatsServerMissingError } from './server/nats-binary.ts';
import { natsMonitorOf, natsTargetOf } from './server/nats-directory.ts';
import { type NatsServer, startNatsServer } from './server/nats-server.ts';
import { bytes, type KeptLog, keptLog, temporaryDirectory, text } from './testing/fixtures.ts';

/** A kind of bus, with a server that can be taken away. */
type Backend = {
  connect(name: string): Promise<Bus>;
  /** The server dies as by SIGKILL; connections break. */
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
  end(): Promise<void>;
  readonly log: KeptLog;
};

async function memoryBackend(): Promise<Backend> {
  const log = keptLog();
  const hub = createMemoryHub({ log, payloadBytesMax: 4 * 1024 * 1024 });
  return {
    log,
    connect: async (name) => hub.connect(name),
    goDown: async () => hub.goDown(),
    comeUp: async () => hub.comeUp(),
    end: async () => {},
  };
}

const timing: Partial<NatsBusTiming> = { backoffMsFirst: 10, backoffMsMax: 50 };

async function natsBackend(): Promise<Backend> {
  const log = keptLog();
  const directory = temporaryDirectory();
  const start = () => startNatsServer({ directory, log });
  let server: NatsServer = await start();
  return {
    log,
    connect: (name) => connectBus({ target: natsTargetOf(directory), monitor: natsMonitorOf(directory), name, log, timing }),
    goDown: async () => {
      server.expectEnd();
      if (server.pid !== undefined) process.kill(server.pid, 'SIGKILL');
      await server.stop();
    },
    comeUp: async () => {
      server = await start();
    },
    end: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function hasNatsServer(): boolean {
  try {
    findNatsServer(process.env);
    return true;
  } catch (error) {
    if (error instanceof NatsServerMissingError) return false;
    throw error;
  }
}

const backends: [string, () => Promise<Backend>, boolean][] = [
  ['memory', memoryBackend, true],
  [hasNatsServer() ? 'NATS' : 'NATS (skipped: no nats-server program)', natsBackend, hasNatsServer()],
];

for (const [name, begin, present] of backends) {
  (present ? describe : describe.skip)(`The bus: ${name}`, () => {
    let backend: Backend;
    const open: Bus[] = [];
    const connect = async (clientName = 'test') => {
      const bus = await backend.connect(clientName);
      open.push(bus);
      return bus;
    };
    beforeAll(async () => {
      backend = await begin();
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((bus) => bus.close()));
      backend.log.lines.length = 0;
    });
    afterAll(() => backend?.end());

    it('delivers published messages to every subscriber, in order, with bytes of its own', async () => {
      const [sender, one, two] = [await connect(), await connect(), await connect()];
      const got: string[][] = [[], []];
      one.subscribe('a.b', (message) => got[0]?.push(text(message.data)));
      two.subscribe('a.b', (message) => got[1]?.push(text(message.data)));
      await Promise.all([one.flush(), two.flush()]);
      const data = bytes('0');
      sender.publish('a.b', data);
      await sender.flush();
      data[0] = 0x58;
      for (let i = 1; i < 50; i++) sender.publish('a.b', bytes(String(i)));
      await until('all messages', () => got.every((each) => each.length === 50));
      const expected = Array.from({ length: 50 }, (_, i) => String(i));
      expect(got).toEqual([expected, expected]);
    });

    it('never delivers within the call that publishes', async () => {
      const bus = await connect();
      let got = 0;
      bus.subscribe('a.sync', () => got++);
      await bus.flush();
      bus.publish('a.sync', bytes('x'));
      expect(got).toBe(0);
      await until('the message', () => got === 1);
    });

    it('matches * for one token and > for the rest', async () => {
      const bus = await connect();
      const got: string[] = [];
      bus.subscribe('w.*.c', ({ subject }) => got.push(`* ${subject}`));
      bus.subscribe('w.>', ({ subject }) => got.push(`> ${subject}`));
      await bus.flush();
      for (const subject of ['w', 'w.a.c', 'w.a.b.c', 'x.a.c']) bus.publish(subject, bytes(''));
      await bus.flush();
      await until('three deliveries', () => got.length >= 3);
      expect(got.sort()).toEqual(['* w.a.c', '> w.a.b.c', '> w.a.c']);
    });

    it('tells whether somebody may hear what begins so, also right after that has changed', async () => {
      const [asker, other] = [await connect(), await connect()];
      for (const [root, pattern] of Object.entries({ h: 'h.a.b', i: 'i.*.b', j: 'j.a.>', k: 'k.>', l: '*.a.b' })) {
        other.subscribe(`${root}.b.a`, () => {});
        other.subscribe(`${root}.a`, () => {});
        await other.flush();
        expect([pattern, await asker.isHeard(`${root}.a`)]).toEqual([pattern, false]);
        const subscription = other.subscribe(pattern, () => {});
        await other.flush();
        expect([pattern, await asker.isHeard(`${root}.a`)]).toEqual([pattern, true]);
        if (pattern !== '*.a.b') continue;
        await subscription.stop();
        await until(`${pattern} is no more`, async () => !(await asker.isHeard(`${root}.a`)));
      }
    });

    it('knows who hears after the server was away', async () => {
      const [asker, other] = [await connect(), await connect()];
      expect(await asker.isHeard('m.a')).toBe(false);
      await backend.goDown();
      await backend.comeUp();
      await until('both are back', () => asker.connected && other.connected);
      other.subscribe('m.a.b', () => {});
      await other.flush();
      expect(await asker.isHeard('m.a')).toBe(true);
      expect(await asker.isHeard('m.b')).toBe(false);
    });

    it.each(['', 'a..b', '.a', 'a.', 'a b', 'a.*', 'a.>', 'a\n'])('refuses to send to %j', async (subject) => {
      const bus = await connect();
      expect(() => bus.publish(subject, bytes(''))).toThrow(TypeError);
      await expect(bus.request(subject, bytes(''), { timeoutMs: 100 })).rejects.toThrow(TypeError);
    });

    it.each(['', 'a..b', 'a.>.b', '>.a', 'a b'])('refuses to subscribe to %j', async (pattern) => {
      const bus = await connect();
      expect(() => bus.subscribe(pattern, () => {})).toThrow(TypeError);
      expect(() => bus.serve(pattern, (message) => message.data)).toThrow(TypeError);
    });

    it('keeps going when a handler throws, and logs it', async () => {
      const bus = await connect();
      const got: string[] = [];
      bus.subscribe('a.throws', ({ data }) => {
        got.push(text(data));
        if (got.length === 1) throw new Error('boom');
      });
      await bus.flush();
      bus.publish('a.throws', bytes('1'));
      bus.publish('a.throws', bytes('2'));
      await until('the second message', () => got.length === 2);
      expect(backend.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    });

    it('stops delivering once a subscription is stopped, also when stopped twice', async () => {
      const bus = await connect();
      const got: string[] = [];
      const subscription = bus.subscribe('a.stop', () => got.push('stopped one'));
      bus.subscribe('a.stop', () => got.push('other'));
      await bus.flush();
      await subscription.stop();
      await subscription.stop();
      bus.publish('a.stop', bytes(''));
      await until('the other', () => got.length > 0);
      await bus.flush();
      expect(got).toEqual(['other']);
    });

    it('answers a request', async () => {
      const [client, server] = [await connect(), await connect()];
      server.serve('r.echo', async ({ subject, data }) => bytes(`${subject}: ${text(data)}`));
      await server.flush();
      expect(text(await client.request('r.echo', bytes('hello'), { timeoutMs: 20_000 }))).toBe('r.echo: hello');
    });

    it('answers many requests at once, each with its own answer', async () => {
      const [client, server] = [await connect(), await connect()];
      server.serve('r.many', ({ data }) => bytes(`re ${text(data)}`));
      await server.flush();
      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, i) => client.request('r.many', bytes(String(i)), { timeoutMs: 20_000 }).then(text)),
      );
      expect(answers).toEqual(Array.from({ length: 500 }, (_, i) => `re ${i}`));
    });

    it('lets one of a queue group answer each request, and uses all of them', async () => {
      const [client, ...servers] = [await connect(), await connect(), await connect()];
      const served = servers.map(() => 0);
      servers.forEach((server, i) => {
        server.serve(
          'r.queue',
          () => {
            served[i] = (served[i] ?? 0) + 1;
            return bytes('');
          },
          { queue: 'q' },
        );
      });
      await Promise.all(servers.map((server) => server.flush()));
      for (let i = 0; i < 60; i++) await client.request('r.queue', bytes(''), { timeoutMs: 20_000 });
      expect((served[0] ?? 0) + (served[1] ?? 0)).toBe(60);
      expect(Math.min(...served)).toBeGreaterThan(0);
    });

    it('says at once that nobody serves a subject', async () => {
      const bus = await connect();
      const startedMs = performance.now();
      const error = await bus.request('r.nobody', bytes(''), { timeoutMs: 20_000 }).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(NoResponderError);
      expect(error).toBeInstanceOf(BusError);
      expect(error).toMatchObject({ code: 'NoResponder', retry: 'safe' });
      expect(error.message).toContain('r.nobody');
      expect(performance.now() - startedMs).toBeLessThan(10_000);
    });

    it('takes an empty answer for an answer', async () => {
      const bus = await connect();
      bus.serve('r.empty', () => new Uint8Array());
      await bus.flush();
      expect(await bus.request('r.empty', bytes(''), { timeoutMs: 20_000 })).toHaveLength(0);
    });

    it('ends a request without an answer in time as unknown', async () => {
      const bus = await connect();
      bus.serve('r.never', () => new Promise<Uint8Array>((resolve) => setTimeout(() => resolve(bytes('late')), 200)));
      await bus.flush();
      const error = await bus.request('r.never', bytes(''), { timeoutMs: 50 }).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(BusTimeoutError);
      expect(error).toMatchObject({ code: 'BusTimeout', retry: 'unknown' });
    });

    it('answers nothing when a responder throws, and logs it', async () => {
      const bus = await connect();
      bus.serve('r.throws', () => {
        throw new Error('boom');
      });
      await bus.flush();
      await expect(bus.request('r.throws', bytes(''), { timeoutMs: 50 })).rejects.toBeInstanceOf(BusTimeoutError);
      await until('it to be logged', () => backend.log.lines.some(({ level, fields }) => level === 'error' && 'err' in fields));
    });

    it('runs no more responders at once than allowed, the rest in order, and refuses past the queue', async () => {
      const [client, server] = [await connect(), await connect()];
      let running = 0;
      let runningMax = 0;
      const order: string[] = [];
      const gates: (() => void)[] = [];
      server.serve(
        'r.bounded',
        async ({ data }) => {
          runningMax = Math.max(runningMax, ++running);
          order.push(text(data));
          await new Promise<void>((resolve) => gates.push(resolve));
          running--;
          return data;
        },
        { concurrencyMax: 2, waitingMax: 3, overloaded: () => bytes('overloaded') },
      );
      await server.flush();
      const answers = Array.from({ length: 6 }, (_, i) => client.request('r.bounded', bytes(String(i)), { timeoutMs: 20_000 }).then(text));
      expect(await answers[5]).toBe('overloaded');
      for (let i = 0; i < 5; i++) {
        await until('the next responder', () => gates.length > i);
        gates[i]?.();
      }
      expect(await Promise.all(answers.slice(0, 5))).toEqual(['0', '1', '2', '3', '4']);
      expect({ runningMax, order }).toEqual({ runningMax: 2, order: ['0', '1', '2', '3', '4'] });
    });

    it('lets running responders finish when a server stops', async () => {
      const [client, server] = [await connect(), await connect()];
      let finish = () => {};
      let began = false;
      const subscription = server.serve('r.finish', async () => {
        began = true;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return bytes('done');
      });
      await server.flush();
      const answer = client.request('r.finish', bytes(''), { timeoutMs: 20_000 });
      await until('the responder to begin', () => began);
      let stopped = false;
      const stopping = subscription.stop().then(() => {
        stopped = true;
      });
      await client.flush();
      expect(stopped).toBe(false);
      finish();
      expect(text(await answer)).toBe('done');
      await stopping;
      await expect(client.request('r.finish', bytes(''), { timeoutMs: 20_000 })).rejects.toBeInstanceOf(NoResponderError);
    });

    it('names a message that is too large, and sends nothing', async () => {
      const bus = await connect();
      const got: number[] = [];
      bus.subscribe('a.large', ({ data }) => got.push(data.length));
      bus.serve('r.large', ({ data }) => data);
      await bus.flush();
      const most = new Uint8Array(4 * 1024 * 1024);
      const tooMuch = new Uint8Array(4 * 1024 * 1024 + 1);
      expect(() => bus.publish('a.large', tooMuch)).toThrow(PayloadTooLargeError);
      expect(() => bus.publish('a.large', tooMuch)).toThrow(/a\.large.*4194305.*4194304/);
      await expect(bus.request('r.large', tooMuch, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'PayloadTooLarge', retry: 'no' });
      bus.publish('a.large', most);
      expect(await bus.request('r.large', most, { timeoutMs: 20_000 })).toHaveLength(most.length);
      await until('the largest message', () => got.length > 0);
      expect(got).toEqual([most.length]);
    });

    it('refuses everything once closed, and closes twice', async () => {
      const bus = await connect();
      await bus.close();
      await bus.close();
      expect(() => bus.publish('a', bytes(''))).toThrow(BusClosedError);
      expect(() => bus.subscribe('a', () => {})).toThrow(BusClosedError);
      expect(() => bus.serve('a', ({ data }) => data)).toThrow(BusClosedError);
      await expect(bus.request('a', bytes(''), { timeoutMs: 100 })).rejects.toBeInstanceOf(BusClosedError);
      await expect(bus.flush()).rejects.toBeInstanceOf(BusClosedError);
      expect(bus.connected).toBe(false);
    });

    it('sends what was published before it was closed', async () => {
      const [sender, receiver] = [await connect(), await connect()];
      let got = 0;
      receiver.subscribe('a.last', () => got++);
      await receiver.flush();
      for (let i = 0; i < 100; i++) sender.publish('a.last', bytes('x'));
      await sender.close();
      await until('all messages', () => got === 100);
    });

    describe('when the connection breaks', () => {
      let isDown = false;
      const goDown = async () => {
        isDown = true;
        await backend.goDown();
      };
      const comeUp = async () => {
        await backend.comeUp();
        isDown = false;
      };
      afterEach(async () => {
        if (isDown) await comeUp();
      });

      it('tells, refuses requests at once, drops publishes, and works again with all subscriptions', async () => {
        const [client, server] = [await connect('client'), await connect('server')];
        const seen: boolean[] = [];
        const remove = client.onConnection((connected) => seen.push(connected));
        const got: string[] = [];
        client.subscribe('b.*', ({ data }) => got.push(text(data)));
        server.serve('b.serve', ({ data }) => data, { queue: 'q' });
        await Promise.all([client.flush(), server.flush()]);
        expect(seen).toEqual([true]);

        await goDown();
        await until('the loss to be seen', () => !client.connected && !server.connected);
        const startedMs = performance.now();
        const error = await client.request('b.serve', bytes(''), { timeoutMs: 20_000 }).catch((thrown) => thrown);
        expect(error).toBeInstanceOf(BusDownError);
        expect(error).toMatchObject({ code: 'BusDown', retry: 'safe' });
        expect(performance.now() - startedMs).toBeLessThan(10_000);
        client.publish('b.lost', bytes('lost'));
        client.subscribe('c.late', ({ data }) => got.push(text(data)));
        await expect(client.flush()).rejects.toBeInstanceOf(BusDownError);

        await comeUp();
        await until('both to be back', () => client.connected && server.connected);
        await Promise.all([client.flush(), server.flush()]);
        expect(seen).toEqual([true, false, true]);
        server.publish('b.again', bytes('again'));
        server.publish('c.late', bytes('late'));
        await until('both messages', () => got.length >= 2);
        expect(got).toEqual(['again', 'late']);
        expect(text(await client.request('b.serve', bytes('x'), { timeoutMs: 20_000 }))).toBe('x');
        remove();
        await goDown();
        await until('the second loss', () => !client.connected);
        expect(seen).toEqual([true, false, true]);
      });

      it('ends requests in flight as unknown, not later than their time', async () => {
        const [client, server] = [await connect(), await connect()];
        let began = false;
        let finish = () => {};
        server.serve('b.flight', async () => {
          began = true;
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
          return bytes('late');
        });
        await server.flush();
        const outcome = client.request('b.flight', bytes(''), { timeoutMs: 20_000 }).catch((thrown) => thrown);
        await until('the responder to begin', () => began);
        const startedMs = performance.now();
        await goDown();
        expect(await outcome).toBeInstanceOf(BusTimeoutError);
        expect(performance.now() - startedMs).toBeLessThan(20_000);
        finish();
      });

      it('closes while it is down', async () => {
        const bus = await connect();
        bus.serve('b.close', ({ data }) => data);
        await bus.flush();
        await goDown();
        await until('the loss to be seen', () => !bus.connected);
        await bus.close();
      });
    });
  });
}
