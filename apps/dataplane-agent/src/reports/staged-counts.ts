/**
 * What staged policies would have refused at the interfaces of this host, read from the kernel while there are such policies, and told on the bus. A count
 * begins anew with each change of one of its policies (ADR 73); nothing is stored.
 */
import type { Clock } from '@weft/api';
import {
  type Driver,
  type ElementCount,
  type EntryObject,
  type KernelChange,
  type KernelObject,
  keyOf,
  portDevice,
  vniOfScope,
} from '@weft/fabric';

/** Interfaces with most packets, of each policy. */
const BUSIEST_MAX = 5;
/** Policies of one message, those with most packets first: it stays far below what the bus takes. */
const POLICIES_MAX = 500;
/** Reading may take so small a part of the time. */
const PARTS_IDLE = 20;
const EVERY_MS_MIN = 2_000;

export type StagedDirection = 'egress' | 'ingress';
/** Of one policy on this host, in packets. `interfaces`: those that it would restrict. */
export type StagedCount = Readonly<{
  policy: string;
  egress: number;
  ingress: number;
  interfaces: number;
  busiest: readonly Readonly<{ nic: string; direction: StagedDirection; packets: number }>[];
}>;
export type StagedReport = Readonly<{ at: Date; policies: readonly StagedCount[] }>;

export type StagedCountsOptions = Readonly<{
  driver: Pick<Driver, 'counts'>;
  clock: Clock;
  report: (report: StagedReport) => void;
}>;

const SECTION = /^policy_staged_(egress|ingress)$/;

export class StagedCounts {
  readonly #options: StagedCountsOptions;
  readonly #wanted = new Map<string, EntryObject>();
  /** uid of the interface behind a device. */
  readonly #nics = new Map<string, string>();
  #dueMs = 0;
  #isReading = false;
  /** Somebody may remember what was said last. */
  #hasReported = false;

  constructor(options: StagedCountsOptions) {
    this.#options = options;
  }

  noted({ put, remove }: KernelChange): void {
    for (const object of remove) if (isCounting(object)) this.#wanted.delete(keyOf(object));
    for (const object of put) if (isCounting(object)) this.#wanted.set(keyOf(object), object);
  }

  /** Called each second. `nics`: uids of the interfaces that are placed here. */
  tick(nics: () => Iterable<string>): void {
    const { clock, report } = this.#options;
    if (this.#isReading || clock.monotonicMs() < this.#dueMs) return;
    if (this.#wanted.size > 0) {
      this.#nics.clear();
      for (const nic of nics()) this.#nics.set(portDevice(nic), nic);
      void this.#read();
    } else if (this.#hasReported) {
      this.#hasReported = false;
      report({ at: clock.now(), policies: [] });
    }
  }

  async #read(): Promise<void> {
    const { driver, clock, report } = this.#options;
    const begunMs = clock.monotonicMs();
    this.#isReading = true;
    try {
      const counts = await driver.counts(new Set([...this.#wanted.values()].flatMap(({ scope }) => vniOfScope(scope) ?? [])));
      report({ at: clock.now(), policies: this.#byPolicy(counts) });
      this.#hasReported = true;
    } catch {
      // What cannot be read shows as the host's trouble elsewhere; here the last report grows old.
    } finally {
      this.#isReading = false;
      const endMs = clock.monotonicMs();
      this.#dueMs = endMs + Math.max(EVERY_MS_MIN, PARTS_IDLE * (endMs - begunMs));
    }
  }

  /** An element that is not as wanted yet counts for policies of before. */
  #byPolicy(counts: ReadonlyMap<string, ElementCount>): readonly StagedCount[] {
    const found = new Map<string, StagedCount>();
    for (const [key, { section, key: device, value, owner }] of this.#wanted) {
      const direction = SECTION.exec(section)?.[1] as StagedDirection;
      const count = counts.get(key);
      const nic = this.#nics.get(device);
      if (count?.value !== value || nic === undefined) continue;
      for (const policy of owner.slice(owner.indexOf('/') + 1).split(',')) {
        const { egress = 0, ingress = 0, interfaces = 0, busiest = [] } = found.get(policy) ?? {};
        const total = { policy, egress, ingress, interfaces: interfaces + 1 };
        const most = [...busiest, { nic, direction, packets: count.packets }].filter(({ packets }) => packets > 0);
        most.sort((a, b) => b.packets - a.packets || (a.nic < b.nic ? -1 : 1));
        found.set(policy, { ...total, [direction]: total[direction] + count.packets, busiest: most.slice(0, BUSIEST_MAX) });
      }
    }
    const refused = ({ egress, ingress }: StagedCount): number => egress + ingress;
    return [...found.values()].sort((a, b) => refused(b) - refused(a) || (a.policy < b.policy ? -1 : 1)).slice(0, POLICIES_MAX);
  }
}

function isCounting(object: KernelObject): object is EntryObject {
  return object.kind === 'entry' && SECTION.test(object.section);
}
