/** A simulated kernel that outlives its drivers, as the real one outlives the agent; counts applies, and its drivers can be killed in the middle of one. */
import { asCarried, type Driver, type DriverChange, type HostIdentity, type KernelObject, type KernelState, keyOf } from '@weft/fabric';
import { createSimulatedDriver, SimulatedKernel } from '@weft/linux';

export class TestKernel {
  readonly kernel = new SimulatedKernel();
  applies = 0;
  /** Keys put and removed, in order. */
  readonly writes: string[] = [];
  /** The same, of each apply. */
  readonly batches: (readonly string[])[] = [];

  get objects(): KernelState {
    return this.kernel.objects;
  }

  /** `diesIn`: the apply that the process dies in (1 for the first), with half of its objects written; it never answers. */
  driver(identity: HostIdentity, diesIn?: number): Driver & Readonly<{ died: Promise<void> }> {
    const driver = createSimulatedDriver({ identity, kernel: this.kernel });
    let applies = 0;
    let die = (): void => {};
    const died = new Promise<void>((resolve) => {
      die = resolve;
    });
    const isDead = () => diesIn !== undefined && applies >= diesIn;
    return {
      name: 'simulated',
      died,
      // Who has died does not see what others write afterwards.
      read: () => (isDead() ? new Promise(() => {}) : driver.read()),
      apply: async (change: DriverChange) => {
        this.applies++;
        if (++applies === diesIn) {
          await driver.apply({ put: inOrder(change.put).slice(0, Math.ceil(change.put.length / 2)), remove: [] });
          die();
        }
        if (isDead()) return new Promise(() => {});
        this.batches.push([...change.put, ...change.remove].map(keyOf));
        this.writes.push(...change.put.map((object) => `+${keyOf(object)}`), ...change.remove.map((object) => `-${keyOf(object)}`));
        return driver.apply(change);
      },
      counts: (vnis) => driver.counts(vnis),
      probe: (probe) => driver.probe(probe),
      close: () => driver.close(),
    };
  }
}

function inOrder(objects: readonly KernelObject[]): readonly KernelObject[] {
  const order = ['guard', 'router', 'peer', 'route', 'port'];
  return [...objects].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** As text, in one order, and without the positions that a kernel cannot carry. */
export function text(objects: ReadonlyMap<string, KernelObject>): string {
  const carried = [...objects].map(([key, object]) => [key, asCarried(object)]);
  return JSON.stringify(carried.sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)));
}
