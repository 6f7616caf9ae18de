/** Which hosts follow a table, kept from one change of it to the next: until a host holds, imports or forgets a network, comes or goes. */
import { type Facts, type Folded, specOf } from '@weft/api';
import { PUBLIC_VNI, parseTable, tablesOfImport } from '@weft/fabric';
import type { HostTypes } from '@weft/network';
import { followersOf } from './followers.ts';
import { HostQueue } from './host-queue.ts';

/** What is the same for two changes is the same set. */
export type HostSet = Readonly<{ names: ReadonlySet<string>; queues: readonly HostQueue[] }>;

const NOBODY: HostSet = { names: new Set(), queues: [] };
const EVERYBODY = 'all';
const EDGES = 'edges';

export class HostSets {
  readonly #facts: Facts;
  readonly #queues = new Map<string, HostQueue>();
  /** By network, by whether importers follow as well. What is followed otherwise, by who does. */
  readonly #known = new Map<string, HostSet>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  queueOf(host: string): HostQueue {
    let queue = this.#queues.get(host);
    if (queue === undefined) this.#queues.set(host, (queue = new HostQueue(host)));
    return queue;
  }

  forget(host: string): void {
    this.#queues.delete(host);
  }

  /** O(1) while no host has begun or ceased to follow it. */
  of(table: string): HostSet {
    const parsed = parseTable(table);
    if (parsed === undefined) return NOBODY;
    if ('host' in parsed) return this.#setOf(table);
    const name = !('vni' in parsed) ? EVERYBODY : parsed.vni === PUBLIC_VNI ? EDGES : nameOf(parsed.vni, isImported(table, parsed.vni));
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const found = this.#setOf(table);
    // Of a network that nobody follows any more nothing is kept.
    if (found.queues.length > 0) this.#known.set(name, found);
    return found;
  }

  /** A host is another one than before. O(networks that it holds and imports), and only where these differ. */
  changed(before: Folded<HostTypes> | undefined, after: Folded<HostTypes>): void {
    const was = before?.status === 'live' ? before : undefined;
    const is = after.status === 'live' ? after : undefined;
    if (was === undefined || is === undefined) this.#known.delete(EVERYBODY);
    if (rolesOf(was) !== rolesOf(is)) this.#known.delete(EDGES);
    if (was !== undefined && was.facts.held === is?.facts.held && was.facts.imported === is?.facts.imported) return;
    for (const host of [was, is]) {
      for (const vni of [...Object.keys(host?.facts.held ?? {}), ...Object.keys(host?.facts.imported ?? {})])
        for (const imported of [false, true]) this.#known.delete(nameOf(vni, imported));
    }
  }

  #setOf(table: string): HostSet {
    const names = new Set(followersOf(table, this.#facts));
    return { names, queues: [...names].map((name) => this.queueOf(name)) };
  }
}

function isImported(table: string, vni: number): boolean {
  return tablesOfImport(vni).some((each) => each.table === table);
}

function nameOf(vni: number | string, imported: boolean): string {
  return imported ? `${vni} imported` : `${vni}`;
}

function rolesOf(host: Folded<HostTypes> | undefined): unknown {
  return host && specOf(host.object).roles;
}
