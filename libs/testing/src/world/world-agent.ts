/** A host's agent in a World: when a test calls `report`, it has applied everything. It reports only those tables and revs that a real agent knows. */
import { type Folded, type JsonObject, type Reply, uuidv5 } from '@weft/api';
import { tablesOfEdge, tablesOfHost, tablesOfImport, tablesOfNetwork } from '@weft/fabric';
import { hostKey } from '@weft/network';
import type { World } from './world.ts';

const IDENTITIES = '6f1d3c5e-0000-5000-8000-000000000001';

export class WorldAgent {
  readonly host: string;
  readonly identity: string;
  readonly #world: World;
  readonly #underlay: string;

  constructor(world: World, host: string, underlay: string, identity = uuidv5(IDENTITIES, host)) {
    this.#world = world;
    this.host = host;
    this.#underlay = underlay;
    this.identity = identity;
  }

  register(): Reply {
    return this.#world.act(hostKey(this.host), 'RegisterHost', {
      underlay: this.#underlay,
      driver: 'simulated',
      version: '1',
      startedAt: '2026-01-01T00:00:00Z',
      agent: this.identity,
    });
  }

  /** The kernel reflects the log up to now: ports of rows that are there are up. */
  report(): void {
    const { position } = this.#world;
    const at = position.toString();
    const { held = {}, imported = {} } = (this.#world.get(hostKey(this.host))?.facts ?? {}) as Readonly<Record<string, JsonObject>>;
    const rows = [...this.#rows(held)];
    const imports = Object.keys(imported).filter((vni) => imported[vni] === 'used');
    const tables: Record<string, string> = {};
    const followed = [...rows.flatMap(({ vni }) => tablesOfNetwork(vni)), ...imports.flatMap((vni) => tablesOfImport(Number(vni)))];
    const isEdge = this.#roles.includes('Edge');
    for (const { table } of [...tablesOfHost(this.host), ...followed, ...(isEdge ? tablesOfEdge : [])]) {
      const rev = this.#world.revOf(table);
      if (rev !== undefined) tables[table] = rev.toString();
    }
    const nics = rows.map(({ nic }) => ({ uid: nic.object.metadata.uid, position: at }));
    if (nics.length > 0) this.#world.act(hostKey(this.host), 'ReportProgrammed', { nics });
    this.#world.act(hostKey(this.host), 'ReportApplied', { tables, position: at, faults: [] });
  }

  get #roles(): readonly string[] {
    const { roles = [] } = (this.#world.object(hostKey(this.host))?.spec ?? {}) as Readonly<{ roles?: readonly string[] }>;
    return roles;
  }

  /** Interfaces with a placement row: placed here, in a network with a VNI that the host holds. */
  *#rows(held: JsonObject): Iterable<{ nic: Folded; vni: number }> {
    const { fold } = this.#world;
    for (const nic of fold.by('NetworkInterface', 'host', this.host)) {
      const name = (nic.object.spec?.['networkRef'] as { name?: string } | undefined)?.name ?? '';
      const network = fold.get({ kind: 'Network', namespace: nic.key.namespace ?? '', name });
      const vni = network?.status === 'live' ? network.facts['vni'] : undefined;
      if (typeof vni === 'number' && held[String(vni)] !== undefined) yield { nic, vni };
    }
  }
}
