/** Rows that are made of the log alone, beside projectors that run. */
import { type Append, registry, systemClock } from '@weft/api';
import { createMemoryBus } from '@weft/bus';
import { compareRows, NotPublishedError, RebuiltRows, switchOver, weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';
import { smallWorld } from '../testing/small-world.ts';

const kinds = registry(weftDomains);
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const parts = { clock: systemClock, log, waitMs: 20_000 };

describe('Rows that are rebuilt from the log', () => {
  let fabric: Fabric;
  beforeAll(async () => {
    fabric = await startFabric(smallWorld().appends);
  });
  afterAll(() => fabric.stop());

  it('are those that the running projectors publish, while these go on', async () => {
    const rebuilt = new RebuiltRows(kinds, fabric.store);
    await rebuilt.readTo(await fabric.store.head());
    const during = fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'other' }, spec: {} });
    const compared = await compareRows({ rebuilt, bus: fabric.bus, ...parts });
    await during;
    expect(compared.map(({ context, different }) => [context, different]).sort()).toEqual([
      ['ipam', 0],
      ['lb', 0],
      ['network', 0],
      ['policy', 0],
    ]);
    expect(compared.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThanOrEqual(4);
  });

  it('are those of projectors that switched over under load, while rows go on to come', async () => {
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'busy' }, spec: {} });
    let [isOver, attached] = [false, 0];
    const writers = [0, 1, 2, 3].map(async (writer) => {
      for (let i = 1; !isOver && i < 250; i++, attached++) await fabric.attach('busy', `w${writer}-${i}`, 'host-a', `10.7.${writer}.${i}`);
    });
    /** So many more rows come before and after what is done. */
    const more = async () => {
      const wanted = attached + 8;
      await until('more rows', () => attached >= wanted);
    };
    const rowsNow = async () => {
      const rebuilt = new RebuiltRows(kinds, fabric.store);
      await rebuilt.readTo(await fabric.store.head());
      return compareRows({ rebuilt, bus: fabric.bus, ...parts });
    };
    await more();
    const began = attached;
    const switched = await switchOver(fabric.bus, 20_000);
    await more();
    const under = await rowsNow();
    expect(attached).toBeGreaterThan(began + 8);
    await more();
    isOver = true;
    await Promise.all(writers);
    expect(switched.map(({ context, different, switched: is }) => [context, different, is]).sort()).toEqual([
      ['ipam', 0, true],
      ['lb', 0, true],
      ['network', 0, true],
      ['policy', 0, true],
    ]);
    for (const compared of [under, await rowsNow()]) {
      expect(compared.map(({ context, different }) => [context, different]).sort()).toEqual([
        ['ipam', 0],
        ['lb', 0],
        ['network', 0],
        ['policy', 0],
      ]);
      expect(compared.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThan(began);
    }
  });

  it('tell where they differ, with both rows', async () => {
    const rebuilt = new RebuiltRows(kinds, {
      // As if the log said another address.
      async *readAppendPages(options) {
        for await (const page of fabric.store.readAppendPages(options)) yield page.map(withOtherAddress);
      },
    });
    await rebuilt.readTo(await fabric.store.head());
    const compared = await compareRows({ rebuilt, bus: fabric.bus, ...parts });
    const network = compared.find(({ context }) => context === 'network');
    expect(network?.different).toBe(2); // As placement and as endpoint.
    const [first] = network?.differences ?? [];
    expect([JSON.stringify(first?.rebuilt), JSON.stringify(first?.running)]).toEqual([
      expect.stringContaining('10.9.9.9'),
      expect.stringContaining('10.0.0.1'),
    ]);
  });

  it('cannot be compared where nobody publishes', async () => {
    const rebuilt = new RebuiltRows(kinds, fabric.store);
    await rebuilt.readTo(await fabric.store.head());
    const bus = createMemoryBus();
    await expect(compareRows({ rebuilt, bus, ...parts, waitMs: 50 })).rejects.toThrow(NotPublishedError);
    await bus.close();
  });

  function withOtherAddress(append: Append): Append {
    if (append.stream !== 'NetworkInterface-ns.nic') return append;
    return JSON.parse(
      JSON.stringify(append, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)).replaceAll('10.0.0.1', '10.9.9.9'),
      (_, value: unknown) => (typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value),
    ) as Append;
  }
});
