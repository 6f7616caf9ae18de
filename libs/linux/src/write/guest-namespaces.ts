/**
 * Namespaces of guests that the agent made, since none of the name was there: they go with their port. One carries a mark on its `lo`, so that an agent which
 * starts again knows it. Those of others are never removed, and neither is one in which something runs: it would go on in a namespace without a name.
 */
import { readdir, readlink, stat } from 'node:fs/promises';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { labelOf, NETNS_DIRECTORY, parseLabel } from '../objects/names.ts';
import type { GuestDump } from '../read/dump.ts';
import { GONE, LineBatch } from './line-batch.ts';

/** What is written into a namespace that was just made. */
export function guestMark(hostIndex: number): string {
  return `link set lo alias "${labelOf({ made: String(hostIndex) })}"`;
}

export class GuestNamespaces {
  readonly #hostIndex: number;
  readonly #made = new Set<string>();

  constructor(hostIndex: number) {
    this.#hostIndex = hostIndex;
  }

  add(netns: string): void {
    this.#made.add(netns);
  }

  has(netns: string): boolean {
    return this.#made.has(netns);
  }

  /** `guest` undefined: it cannot be entered. */
  learn(netns: string, guest: GuestDump | undefined): void {
    const lo = guest?.links.find(({ ifname }) => ifname === 'lo');
    if (parseLabel(lo?.ifalias)?.['made'] === String(this.#hostIndex)) this.#made.add(netns);
    else this.#made.delete(netns);
  }

  /** Of these, those that were made here and where nothing runs. What is refused stays, and harms nobody. */
  async erase(access: KernelAccess, names: readonly string[]): Promise<void> {
    const made = names.filter((netns) => this.#made.has(netns));
    if (made.length === 0) return;
    const inUse = await inodesInUse();
    const lines = new LineBatch();
    for (const netns of made) {
      const inode = await stat(`${NETNS_DIRECTORY}/${netns}`).then(
        ({ ino }) => ino,
        () => undefined,
      );
      if (inode !== undefined && inUse.has(inode)) continue;
      this.#made.delete(netns);
      if (inode !== undefined) lines.add(netns, `netns del ${netns}`, GONE);
    }
    await lines.run((each) => access.ip(HOST, each));
  }
}

/** Of the network namespaces in which processes are. */
async function inodesInUse(): Promise<ReadonlySet<number>> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const links = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/ns/net`).catch(() => ''))); // It has ended.
  return new Set(links.flatMap((link) => Number(/^net:\[([0-9]+)\]$/.exec(link)?.[1] ?? '0') || []));
}
