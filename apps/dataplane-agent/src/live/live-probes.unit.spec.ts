import type { Driver, OpenProbe } from '@weft/fabric';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { LiveProbes } from './live-probes.ts';

/** A kernel that opens probes when it is told, and says which have ended. */
class Kernel {
  readonly ended: number[] = [];
  readonly opening = new Map<number, Readonly<{ resolve: (probe: OpenProbe) => void; reject: (error: Error) => void }>>();
  readonly clock = new VirtualClock();
  readonly probes = new LiveProbes({
    clock: this.clock,
    nics: () => [],
    driver: {
      openProbe: ({ id }) => new Promise((resolve, reject) => this.opening.set(id, { resolve, reject })),
    } as Partial<Driver> as Driver,
  });

  ask(op: string, id: number): Promise<object> {
    return this.probes.answer({ op, id, vnis: [1], protocol: 'TCP' });
  }

  opens(id: number): void {
    const end = async () => void this.ended.push(id);
    this.opening.get(id)?.resolve({ end, look: async () => ({ hops: [], stopped: [] }), send: async () => {} });
  }
}

describe('Live probes', () => {
  it('that are ended while they are being opened end as soon as they are open', async () => {
    const kernel = new Kernel();
    const opened = kernel.ask('open', 7);
    const ended = kernel.ask('end', 7);
    kernel.opens(7);
    await Promise.all([opened, ended]);
    expect(kernel.ended).toEqual([7]);
    await expect(kernel.ask('look', 7)).rejects.toThrow('not open here');
  });

  it('are all ended when the agent stops, also one that is being opened', async () => {
    const kernel = new Kernel();
    const opened = [1, 2].map((id) => kernel.ask('open', id));
    kernel.opens(1);
    await opened[0];
    const stopped = kernel.probes.stop();
    kernel.opens(2);
    await Promise.all([...opened, stopped]);
    expect(kernel.ended.sort()).toEqual([1, 2]);
  });

  it('say why they cannot be opened, and leave their place to others', async () => {
    const kernel = new Kernel();
    for (let id = 1; id <= 5; id++) {
      const opened = kernel.ask('open', id);
      kernel.opening.get(id)?.reject(new Error('no such table'));
      await expect(opened).rejects.toThrow('no such table');
    }
    expect(kernel.ended).toEqual([]);
  });
});
