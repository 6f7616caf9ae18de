/** A kernel that outlives its drivers, as the real one outlives the agent; counts writes and can be told to misbehave. */
import { type Driver, type DriverChange, type DriverFault, type KernelObject, keyOf } from '@weft/fabric';

export class TestKernel {
  readonly objects = new Map<string, KernelObject>();
  readonly refused = new Set<string>();
  applies = 0;
  /** Keys put and removed, in order. */
  readonly writes: string[] = [];
  /** What an apply waits for after each object; a driver that was killed meanwhile does not go on. */
  pace: () => Promise<void> = async () => {};

  driver(): Driver & { kill: () => void } {
    let killed = false;
    return {
      name: 'simulated',
      kill: () => {
        killed = true;
      },
      read: async () => ({ objects: new Map(this.objects), partial: new Map() }),
      apply: async ({ put, remove }: DriverChange) => {
        this.applies++;
        const failed: DriverFault[] = [];
        for (const object of [...put, ...remove]) {
          const key = keyOf(object);
          await this.pace();
          // A dead process answers nothing.
          if (killed) return new Promise(() => {});
          if (this.refused.has(key)) failed.push({ key, what: 'kernel', detail: 'refused by the test' });
          else if (put.includes(object)) {
            this.objects.set(key, object);
            this.writes.push(`+${key}`);
          } else {
            this.objects.delete(key);
            this.writes.push(`-${key}`);
          }
        }
        return { failed };
      },
      close: async () => {},
    };
  }
}

export function sorted(objects: ReadonlyMap<string, KernelObject>): readonly (readonly [string, KernelObject])[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1));
}
