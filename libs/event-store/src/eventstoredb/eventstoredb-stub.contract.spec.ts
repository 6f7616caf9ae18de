/** The EventStoreDB store against a stand-in that misbehaves on demand: what an outage looks like, and that nothing is lost by it. */
import { until } from '@weft/testing/waiting';
import { DamagedError, InvalidArgumentError, type StoreError, UnavailableError } from '../errors.ts';
import type { EventStore } from '../port.ts';
import { describeEventStoreContract } from '../testing/event-store.contract.ts';
import { all, anEvent, aStream, idsOf, record, severalAppends, sizesOf, someEvents } from '../testing/fixtures.ts';
import { toConnectionString } from './connection.ts';
import { type EventStoreDbOptions, openEventStoreDb } from './eventstoredb-store.ts';
import { StubCluster, type StubNode } from './testing/stub-cluster.ts';
import { StubServer } from './testing/stub-server.ts';

let suiteServer: StubServer;
describeEventStoreContract('the EventStoreDB store, against a stand-in server', {
  open: async () => {
    suiteServer = await StubServer.start();
    return openEventStoreDb({ url: suiteServer.url });
  },
  openAgain: () => openEventStoreDb({ url: suiteServer.url }),
  remove: async () => suiteServer.kill(),
});

describe('The EventStoreDB store', () => {
  let server: StubServer;
  const opened: EventStore[] = [];

  beforeEach(async () => {
    server = await StubServer.start();
  });
  afterEach(async () => {
    server.appends = 'sound';
    for (const store of opened.splice(0)) await store.close();
    server.kill();
  });

  async function open(options: Partial<EventStoreDbOptions> = {}): Promise<EventStore> {
    const store = await openEventStoreDb({ url: server.url, retry: { pauseMsMin: 5, pauseMsMax: 50 }, ...options });
    opened.push(store);
    return store;
  }

  const faultOf = (work: Promise<unknown>): Promise<StoreError> =>
    work.then(
      () => {
        throw new Error('it was accepted');
      },
      (error) => error as StoreError,
    );

  /** Appends until it is accepted, with the same ids and expectation, as a caller must. */
  async function persist(store: EventStore, stream: string, events = someEvents(1)) {
    for (;;) {
      try {
        return await store.append(stream, 'none', events);
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  describe('and trouble with the server', () => {
    it('opens when the server comes up later, and writes the store id once', async () => {
      server.appends = 'notReady';
      const opening = open();
      await until('it was refused twice', () => server.appendsSeen >= 2);
      server.appends = 'sound';
      const store = await opening;
      expect((await open()).storeId).toBe(store.storeId);
    });

    it('gives up opening in time, as unavailable, when nobody listens', async () => {
      server.kill();
      expect(await faultOf(open({ openTimeoutMs: 200 }))).toBeInstanceOf(UnavailableError);
    });

    it('fails appends under way as unavailable when the connection breaks (E-30)', async () => {
      const store = await open();
      server.appends = 'silent';
      const appends = Array.from({ length: 300 }, () => faultOf(store.append(aStream(), 'none', someEvents(1))));
      await until('all are under way', () => server.appendsSeen >= 301);
      server.kill();
      for (const fault of await Promise.all(appends)) expect(fault).toMatchObject({ code: 'Unavailable', retry: 'unknown' });
    });

    it('fails calls as unavailable while nobody listens, and works again by itself (E-30)', async () => {
      const store = await open();
      await store.append(aStream(), 'none', someEvents(1));
      server.kill();
      for (const call of [
        () => store.append(aStream(), 'none', someEvents(1)),
        () => all(store.readAll()),
        () => all(store.readStream(aStream())),
        () => store.head(),
        () => store.ping(),
      ]) {
        expect(await faultOf(call())).toMatchObject({ code: 'Unavailable' });
      }
      server = await server.restart();
      expect(await persist(store, aStream())).toMatchObject({ revision: 0n });
      await until('it answers', () =>
        store.ping().then(
          () => true,
          () => false,
        ),
      );
    });

    it('maps "not ready" to unavailable (E-1, E-30)', async () => {
      const store = await open();
      server.appends = 'notReady';
      const fault = await faultOf(store.append(aStream(), 'none', someEvents(1)));
      expect(fault).toBeInstanceOf(UnavailableError);
      expect(fault.message).toContain('Server Is Not Ready');
    });

    it('appends whatever the clock of the server says (E-40)', async () => {
      const store = await open();
      server.clockAheadMs = 3_600_000;
      expect(await store.append(aStream(), 'none', someEvents(1))).toMatchObject({ revision: 0n });
    });

    it('fails an append in its own time when the server is frozen, and leaves that connection (E-31)', async () => {
      const store = await open({ appendTimeoutMs: 1_000 });
      server.appends = 'silent';
      const faults = await Promise.all([
        faultOf(store.append(aStream(), 'none', someEvents(1))),
        faultOf(store.append(aStream(), 'none', someEvents(1))),
      ]);
      for (const fault of faults) expect(fault).toMatchObject({ code: 'Unavailable', retry: 'unknown' });
      server.appends = 'sound';
      expect(await persist(store, aStream())).toMatchObject({ repeated: false });
    });

    it('fails a read in its own time when the server is frozen (E-31)', async () => {
      const store = await open({ readTimeoutMs: 500 });
      server.reads = 'silent';
      expect(await faultOf(all(store.readAll()))).toBeInstanceOf(UnavailableError);
      expect(await faultOf(all(store.readStream(aStream())))).toBeInstanceOf(UnavailableError);
      expect(await faultOf(store.ping())).toBeInstanceOf(UnavailableError);
    });

    it('tells a retry whose first attempt had been written as repeated, though the answer never came (E-10, E-34)', async () => {
      const store = await open({ appendTimeoutMs: 1_000 });
      const stream = aStream();
      const events = someEvents(2);
      server.appends = 'writesSilently';
      expect((await faultOf(store.append(stream, 'none', events))).retry).toBe('unknown');
      server.appends = 'sound';
      const again = await persist(store, stream, events);
      const read = await all(store.readStream(stream));
      expect(again).toEqual({ revision: 1n, position: read[1]?.position, repeated: true });
      expect(idsOf(read)).toEqual(idsOf(events));
    });

    it('tells a retry whose first attempt had not been written as new, and keeps the order of what follows it', async () => {
      const store = await open({ appendTimeoutMs: 1_000 });
      const stream = aStream();
      const [first, second] = [someEvents(1), someEvents(1)];
      server.appends = 'silent';
      await faultOf(store.append(stream, 'none', first));
      server.appends = 'sound';
      const results = await Promise.all([store.append(stream, 'none', first), store.append(stream, 0n, second)]);
      expect(results.map(({ repeated }) => repeated)).toEqual([false, false]);
      expect(idsOf(await all(store.readStream(stream)))).toEqual(idsOf([...first, ...second]));
    });

    it('ignores an answer that comes twice, or when time was up', async () => {
      const store = await open();
      server.appends = 'answersTwice';
      for (let i = 0; i < 5; i++) await store.append(aStream(), 'none', someEvents(1));
      server.appends = 'sound';
      await store.append(aStream(), 'none', someEvents(1));
    });

    it('names a tombstone for what it is (E-28)', async () => {
      const store = await open();
      const stream = aStream();
      server.tombstone(stream);
      expect(await faultOf(store.append(stream, 'none', someEvents(1)))).toBeInstanceOf(DamagedError);
    });
  });

  describe('and its subscriptions', () => {
    it('go on behind the last event when the server comes back, without loss or doubles (E-26)', async () => {
      const store = await open();
      const stream = aStream();
      await store.append(stream, 'none', someEvents(3));
      const told = record(store, {});
      await until('caught up', () => told.caughtUp.length === 1);
      server.kill();
      expect(await faultOf(store.head())).toBeInstanceOf(UnavailableError);
      server = await server.restart();
      await persist(store, aStream());
      await store.append(stream, 2n, someEvents(2));
      await until('delivered', () => told.events.length === 7);
      expect(idsOf(told.events)).toEqual(idsOf(await all(store.readAll())));
      expect(told.resumed.length).toBeGreaterThan(0);
      expect(told.resumed[0]).toBeInstanceOf(UnavailableError);
      await until('caught up again', () => told.caughtUp.length > 1);
      expect(told.ended).toEqual([]);
    });

    it('go on when they were thrown out because they lagged, and leave out what is sent again (E-25)', async () => {
      const store = await open();
      const told = record(store, {});
      await until('caught up', () => told.caughtUp.length === 1);
      for (let round = 0; round < 5; round++) {
        await store.append(aStream(), 'none', someEvents(3));
        server.repeatsOnSubscribe = 2;
        server.throwOut();
        await store.append(aStream(), 'none', someEvents(2));
        await until('subscribed again', () => told.resumed.length > round);
      }
      await until('delivered', () => told.events.length >= 26);
      expect(idsOf(told.events)).toEqual(idsOf(await all(store.readAll())));
    });

    it('deliver an append whole that a loss cuts, once', async () => {
      const store = await open();
      const told = record(store, { after: await store.head() });
      await until('caught up', () => told.caughtUp.length === 1);
      for (const cut of [1, 2, 3, 4, 5, 6]) {
        server.throwsOutAfter = cut;
        await store.append(aStream(), 'none', severalAppends(2, 3, 1));
        await until('delivered', () => told.appends.length === 3 * cut);
      }
      expect(sizesOf(told.appends)).toEqual([1, 2, 3, 4, 5, 6].flatMap(() => [2, 3, 1]));
      expect(told.resumed.length).toBeGreaterThanOrEqual(5); // The last loss cuts nothing.
    });

    it('tell that they caught up behind an append, not in its middle', async () => {
      const store = await open();
      const stream = aStream();
      const { position } = await store.append(stream, 'none', severalAppends(1, 4));
      for (const early of [0, 1, 2, 3]) {
        server.goesLiveEarly = early;
        const told = record(store, { stream });
        await until('caught up', () => told.caughtUp.length === 1);
        expect([told.caughtUp, sizesOf(told.appends)]).toEqual([[position], [1, 4]]);
        await told.subscription.stop();
      }
    });

    it('to one stream go on likewise', async () => {
      const store = await open();
      const stream = aStream();
      await store.append(stream, 'none', someEvents(2));
      const told = record(store, { stream });
      await until('caught up', () => told.caughtUp.length === 1);
      server.throwOut();
      await store.append(aStream(), 'none', someEvents(2));
      await store.append(stream, 1n, someEvents(2));
      await until('delivered', () => told.events.length === 4);
      expect(told.events.map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n]);
    });

    it('stop while the server is away, and are asked for no more', async () => {
      const store = await open();
      const told = record(store, {});
      await until('caught up', () => told.caughtUp.length === 1);
      server.kill();
      await told.subscription.stop();
      server = await server.restart();
      await until('it answers', () =>
        store.ping().then(
          () => true,
          () => false,
        ),
      );
      expect(server.subscriptions).toBe(0);
    });

    it('stop at once also while they wait for a frozen server (E-31)', async () => {
      const store = await open({ readTimeoutMs: 600_000 });
      const after = await store.head();
      server.reads = 'silent';
      const asked = server.readsSeen;
      const { subscription } = record(store, { after });
      await until('it has asked the server', () => server.readsSeen > asked);
      await subscription.stop();
      server.reads = 'sound';
    });

    it("leave out the system's own events, at the end of the log too (E-18)", async () => {
      const store = await open();
      const told = record(store, {});
      await until('caught up', () => told.caughtUp.length === 1);
      const { position } = await store.append(aStream(), 'none', someEvents(1));
      for (let i = 0; i < 200; i++) server.writeSystemRecord();
      expect(await store.head()).toBe(position);
      const last = await store.append(aStream(), 'none', someEvents(1));
      await until('delivered', () => told.events.at(-1)?.position === last.position);
      expect(told.events.filter(({ type }) => type.startsWith('$'))).toEqual([]);
      expect((await all(store.readAll({ direction: 'backwards', limit: 2 }))).map((event) => event.position)).toEqual([
        last.position,
        position,
      ]);
      expect(await all(store.readAll({ from: position, limit: 1 }))).toMatchObject([{ position: last.position }]);
    });
  });

  describe('and a cluster', () => {
    let cluster: StubCluster;

    beforeEach(async () => {
      cluster = await StubCluster.start(3);
    });
    afterEach(async () => {
      for (const { proxy, server: node } of cluster.nodes) {
        proxy.thaw();
        node.appends = node.reads = 'sound';
      }
      for (const store of opened.splice(0)) await store.close();
      cluster.close();
    });
    const nodeAt = (index: number) => cluster.nodes[index] as StubNode;
    const appendsAt = (index: number) => nodeAt(index).server.appendsSeen;

    it('finds a leader that the URL does not name', async () => {
      cluster.everybodySays(2);
      await open({ url: cluster.url([0, 1]) });
      expect([0, 1, 2].map((i) => appendsAt(i) > 0)).toEqual([false, false, true]);
    });

    it('believes no node that another one leads: the leader says so itself (E-41)', async () => {
      cluster.says(0, 1);
      cluster.says(1);
      cluster.says(2, 1);
      const opening = open({ url: cluster.url() });
      await until('all were asked twice', () => cluster.nodes.every(({ server: node }) => node.gossipsSeen > 2));
      expect(appendsAt(1)).toBe(0);
      cluster.says(1, 1);
      await opening;
      expect(appendsAt(1)).toBeGreaterThan(0);
    });

    it('prefers followers when the URL says so', async () => {
      cluster.everybodySays(0, 1);
      await open({ url: cluster.url([0, 1, 2], 'nodePreference=follower') });
      expect([0, 1, 2].map((i) => appendsAt(i) > 0)).toEqual([false, false, true]);
    });

    it('stops looking for a leader when the store is closed', async () => {
      cluster.everybodySays();
      expect(await faultOf(open({ url: cluster.url(), appendTimeoutMs: 100, readTimeoutMs: 100, openTimeoutMs: 100 }))).toBeInstanceOf(
        UnavailableError,
      );
      const asked = nodeAt(0).server.gossipsSeen;
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(nodeAt(0).server.gossipsSeen).toBeLessThanOrEqual(asked + 1);
    });

    it.each([
      ['a read of the log', (store: EventStore) => all(store.readAll())],
      ['a read of a stream', (store: EventStore) => all(store.readStream(aStream()))],
      ['a look at the end of the log', (store: EventStore) => store.head()],
      ['ping', (store: EventStore) => store.ping()],
    ])('leaves a node that does not answer %s, and takes another one that leads (E-41)', async (_, call) => {
      const store = await open({ url: cluster.url(), readTimeoutMs: 300 });
      nodeAt(0).server.reads = 'silent';
      expect(await faultOf(call(store))).toBeInstanceOf(UnavailableError);
      cluster.everybodySays(0, 1);
      const asked = nodeAt(0).server.gossipsSeen;
      nodeAt(1).server.gossipsAfter = until('the silent one has told that it leads', () => nodeAt(0).server.gossipsSeen > asked);
      // On a busy machine the way to the other node may take longer than one call waits.
      await until('a call is answered', () => call(store).then(() => true));
      expect(nodeAt(1).server.readsSeen).toBeGreaterThan(0);
    });

    it('keeps a connection over which something comes, though one read is slow', async () => {
      const store = await open({ url: cluster.url(), readTimeoutMs: 300 });
      cluster.everybodySays(0, 1);
      nodeAt(0).server.reads = 'silent';
      let reading = true;
      const fault = faultOf(store.head()).finally(() => {
        reading = false;
      });
      while (reading) await store.append(aStream(), 'none', someEvents(1));
      expect(await fault).toBeInstanceOf(UnavailableError);
      await store.append(aStream(), 'none', someEvents(1));
      expect(appendsAt(1)).toBe(0);
    });

    it('subscribes at another node when one does not confirm (E-41)', async () => {
      const store = await open({ url: cluster.url(), readTimeoutMs: 300 });
      nodeAt(0).server.reads = 'silent';
      cluster.everybodySays(0, 1);
      const told = record(store, {});
      await until('caught up', () => told.caughtUp.length === 1);
      expect(nodeAt(1).server.subscriptions).toBe(1);
    });

    it('waits for no frozen node, whatever others tell of it, and comes back to it when it leads again (E-35, E-41)', async () => {
      const store = await open({ url: cluster.url() });
      await store.append(aStream(), 'none', someEvents(1));
      const before = appendsAt(0);
      nodeAt(0).proxy.freeze();
      expect(await faultOf(store.append(aStream(), 'none', someEvents(1)))).toBeInstanceOf(UnavailableError);
      const waiting = persist(store, aStream());
      await until('others were asked more than once', () => nodeAt(1).server.gossipsSeen > 2 && nodeAt(2).server.gossipsSeen > 2);
      cluster.everybodySays(1);
      expect(await waiting).toMatchObject({ revision: 0n });
      expect(appendsAt(0)).toBe(before);
      cluster.everybodySays(0);
      nodeAt(0).proxy.thaw();
      nodeAt(1).server.kill();
      await persist(store, aStream());
      expect(appendsAt(0)).toBeGreaterThan(before);
    });
  });

  describe('and its URL', () => {
    it.each([
      ['esdb://h:2113?tls=false', 'esdb://h:2113?tls=false&keepAliveInterval=2000&keepAliveTimeout=3000'],
      ['kurrentdb://h:2113', 'esdb://h:2113?keepAliveInterval=2000&keepAliveTimeout=3000'],
      [
        'esdb://a:1,b:2?tls=false',
        'esdb://a:1,b:2?tls=false&keepAliveInterval=2000&keepAliveTimeout=3000&nodePreference=leader&gossipTimeout=1',
      ],
      [
        'kurrentdb+discover://c?nodePreference=follower&gossip_timeout=3',
        'esdb+discover://c?nodePreference=follower&gossip_timeout=3&keepAliveInterval=2000&keepAliveTimeout=3000',
      ],
      ['esdb://h:1?keepaliveinterval=7000', 'esdb://h:1?keepaliveinterval=7000&keepAliveTimeout=3000'],
    ])('takes %s as %s: reads where it writes, and notices a frozen server sooner (E-35, E-37)', (url, text) => {
      expect(toConnectionString(url)).toBe(text);
    });

    it('refuses what it cannot read, without telling the password', async () => {
      const fault = await faultOf(openEventStoreDb({ url: 'http://jane:secret@h:2113' }));
      expect(fault).toBeInstanceOf(InvalidArgumentError);
      expect(fault.message).not.toContain('secret');
    });

    it('shares one client between stores of one URL, which goes on until the last is closed (E-33)', async () => {
      const [first, second] = [await open(), await open()];
      await first.close();
      await second.append(aStream(), 'none', [anEvent()]);
    });
  });
});
