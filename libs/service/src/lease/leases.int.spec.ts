import { createMemoryBus, createMemoryHub } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { quietLog, systemClock } from '../testing/runtime.ts';
import { Leases } from './leases.ts';

function leasesOn(bus: ReturnType<typeof createMemoryBus>, replica: string): Leases {
  return new Leases({ context: 'network', replica, bus, clock: systemClock, log: quietLog() });
}

describe('Leases', () => {
  const started: Leases[] = [];
  afterEach(async () => {
    for (const leases of started.splice(0)) await leases.stop();
  });
  async function start(bus: ReturnType<typeof createMemoryBus>, replica: string): Promise<Leases> {
    const leases = leasesOn(bus, replica);
    started.push(leases);
    await leases.start();
    return leases;
  }

  it('serves within half a second when nobody else is there', async () => {
    const startedMs = performance.now();
    const leases = await start(createMemoryBus(), 'one');
    await until('all partitions', () => leases.partitions.length === 64);
    expect(performance.now() - startedMs).toBeLessThan(500);
    expect(leases.isValid()).toBe(true);
    expect(leases.problems()).toEqual([]);
  });

  it('hands over at a clean stop without waiting, and after 3 s at most when a replica falls silent', async () => {
    const hub = createMemoryHub();
    const [busOne, busTwo, busThree] = [hub.connect(), hub.connect(), hub.connect()];
    const one = await start(busOne, 'one');
    await until('one has all', () => one.partitions.length === 64);
    const two = await start(busTwo, 'two');
    const three = await start(busThree, 'three');
    const all = (...leases: Leases[]) =>
      leases.reduce((sum, each) => sum + each.partitions.length, 0) === 64 && leases.every((each) => each.partitions.length > 5);
    await until('three share', () => all(one, two, three));
    await one.stop();
    const stoppedMs = performance.now();
    await until('two share', () => all(two, three));
    expect(performance.now() - stoppedMs).toBeLessThan(300);
    await busTwo.close(); // As if its process had died.
    const silentMs = performance.now();
    await until('one is left', () => three.partitions.length === 64);
    expect(performance.now() - silentMs).toBeLessThan(3_000);
  });
});
