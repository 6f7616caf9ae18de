import { type Clock, systemClock } from '@weft/api';
import { createMemoryBus, createMemoryHub } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { quietLog } from '../testing/runtime.ts';
import { Leases } from './leases.ts';

/** A clock whose time can be stopped while its timers still run. */
function heldClock(): Clock & { hold(): void; goOn(): void } {
  let heldAtMs: number | undefined;
  let lostMs = 0;
  const monotonicMs = () => heldAtMs ?? systemClock.monotonicMs() - lostMs;
  return {
    ...systemClock,
    monotonicMs,
    hold: () => {
      heldAtMs = monotonicMs();
    },
    goOn: () => {
      lostMs = systemClock.monotonicMs() - monotonicMs();
      heldAtMs = undefined;
    },
  };
}

describe('Leases', () => {
  const started: Leases[] = [];
  let clock: ReturnType<typeof heldClock>;
  beforeEach(() => {
    clock = heldClock();
  });
  afterEach(async () => {
    for (const leases of started.splice(0)) await leases.stop();
  });
  async function start(bus: ReturnType<typeof createMemoryBus>, replica: string): Promise<Leases> {
    const leases = new Leases({ context: 'network', replica, bus, clock, log: quietLog() });
    started.push(leases);
    await leases.start();
    return leases;
  }

  it('serves without waiting when nobody else is there', async () => {
    clock.hold();
    const leases = await start(createMemoryBus(), 'one');
    await until('all partitions', () => leases.partitions.length === 64);
    expect(leases.isValid()).toBe(true);
    expect(leases.problems()).toEqual([]);
  });

  it('hands over at a clean stop without waiting, and after a while when a replica falls silent', async () => {
    const hub = createMemoryHub();
    const [busOne, busTwo, busThree] = [hub.connect(), hub.connect(), hub.connect()];
    const one = await start(busOne, 'one');
    await until('one has all', () => one.partitions.length === 64);
    const two = await start(busTwo, 'two');
    const three = await start(busThree, 'three');
    const all = (...leases: Leases[]) =>
      leases.reduce((sum, each) => sum + each.partitions.length, 0) === 64 && leases.every((each) => each.partitions.length > 5);
    await until('three share', () => all(one, two, three));
    clock.hold();
    await one.stop();
    await until('two share', () => all(two, three));
    clock.goOn();
    await busTwo.close(); // As if its process had died.
    await until('one is left', () => three.partitions.length === 64);
  });
});
