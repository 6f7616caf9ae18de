import fc from 'fast-check';
import { FreeSlots, PORTS_MAX, type PortRange, portOfSlot, slotsPerAddress } from './port-ranges.ts';

const sizes = Array.from({ length: 16 }, (_, power) => 2 ** power);
const overlap = (a: PortRange, b: PortRange) => a.port < b.port + b.ports && b.port < a.port + a.ports;

describe('Port ranges (provider 1.6)', () => {
  it.each([
    [1, 64_512, 1_024, 65_535],
    [64, 1_008, 1_024, 65_535],
    [1_024, 63, 1_024, 65_535],
    [2_048, 31, 2_048, 65_535],
    [16_384, 3, 16_384, 65_535],
    [32_768, 1, 32_768, 65_535],
  ])('of %i ports: %i on an address, from port %i to port %i, both inclusive (R-11)', (ports, count, first, last) => {
    expect(slotsPerAddress(ports)).toBe(count);
    expect(portOfSlot(0, ports)).toBe(first);
    expect(portOfSlot(count - 1, ports) + ports - 1).toBe(last);
  });

  it('have room on an address up to PORTS_MAX', () => {
    expect(slotsPerAddress(PORTS_MAX)).toBe(1);
    expect(slotsPerAddress(PORTS_MAX * 2)).toBe(0);
    expect(slotsPerAddress(2 ** 30)).toBe(0);
  });

  it('are as many as with ranges from port 1024 on, and each is aligned to its size', () => {
    for (const ports of sizes) {
      expect(slotsPerAddress(ports)).toBe(Math.floor(64_512 / ports));
      for (const slot of [0, slotsPerAddress(ports) - 1]) expect(portOfSlot(slot, ports) % ports).toBe(0);
    }
  });
});

describe('Free slots', () => {
  it('are, beside ranges of any size that do not overlap, exactly those that overlap none, the lowest first', () => {
    const range = fc
      .constantFrom(...sizes.filter((ports) => ports >= 256))
      .chain((ports) => fc.nat(slotsPerAddress(ports) - 1).map((slot): PortRange => ({ port: portOfSlot(slot, ports), ports })));
    const steps = fc.array(fc.record({ range, gives: fc.boolean() }), { maxLength: 40 });
    fc.assert(
      fc.property(fc.constantFrom(...sizes.filter((ports) => ports >= 512)), steps, (ports, list) => {
        const free = new FreeSlots(ports);
        const taken: PortRange[] = [];
        for (const step of list) {
          if (step.gives) {
            const [given] = taken.splice(0, 1);
            if (given !== undefined) free.give(given);
          } else if (!taken.some((each) => overlap(each, step.range))) {
            taken.push(step.range);
            free.take(step.range);
          }
          const expected = Array.from({ length: slotsPerAddress(ports) }, (_, slot) => portOfSlot(slot, ports)).filter(
            (port) => !taken.some((each) => overlap(each, { port, ports })),
          );
          expect([...free.freePorts()]).toEqual(expected);
          expect(free.free).toBe(expected.length);
        }
      }),
      { numRuns: 200 },
    );
  });
});
