/** The table in the host's own namespace that lets only known hosts send VXLAN. There while there is anything to guard. Writes go one after another. */
import { type DriverFault, type GuardObject, type HostIdentity, keyOf } from '@weft/fabric';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { type BaseTable, guardTable } from '../objects/base-tables.ts';
import { isV4 } from '../objects/names.ts';
import { guardComment } from '../objects/object-rules.ts';
import type { GuardState, HostRead } from '../read/host-reader.ts';

export class UnderlayGuard {
  readonly table: BaseTable;
  readonly #access: KernelAccess;
  /** `unknown`: something failed since it was read. */
  #state: GuardState | 'unknown' = 'unknown';
  #owner = '';
  #writing: Promise<unknown> = Promise.resolve();

  constructor(access: KernelAccess, identity: HostIdentity) {
    this.#access = access;
    this.table = guardTable(identity.index);
  }

  get state(): GuardState | 'unknown' {
    return this.#state;
  }

  /** It has to be read before anything is written. Somebody else's may be gone by now. */
  get isStale(): boolean {
    return this.#state === 'unknown' || this.#state === 'foreign';
  }

  learn({ guard, owner }: HostRead): void {
    this.#state = guard;
    this.#owner = owner;
  }

  doubt(): void {
    this.#state = 'unknown';
  }

  /** Makes or repairs it; a rebuilt one holds no element, so those must be put again. Undefined when it is as it should be. */
  ensure(): Promise<Omit<DriverFault, 'key'> | undefined> {
    return this.#next(() => this.#ensure());
  }

  /** All or none of them. */
  put(guards: readonly GuardObject[]): Promise<readonly DriverFault[]> {
    const refused = (fault: Omit<DriverFault, 'key'>) => guards.map((guard) => ({ key: keyOf(guard), ...fault }));
    const changes = guards.flatMap(({ underlay, position }) => [
      ...removal(underlay),
      `add element inet ${this.table.name} ${setOf(underlay)} { ${underlay} comment "${guardComment(position)}" }`,
    ]);
    return this.#next(async () => {
      const broken = await this.#ensure();
      if (broken !== undefined) return refused(broken);
      const detail = await this.#access.nft(HOST, changes.join('; '));
      return detail === undefined ? [] : refused({ what: 'kernel', detail });
    });
  }

  /** nft's error when it removed none. */
  remove(underlays: readonly string[]): Promise<string | undefined> {
    return this.#next(() => this.#access.nft(HOST, underlays.flatMap(removal).join('; ')));
  }

  drop(): Promise<void> {
    return this.#next(async () => {
      const refused = await this.#access.nft(HOST, `delete table inet ${this.table.name}`);
      this.#state = refused === undefined ? 'absent' : 'unknown';
    });
  }

  /** It is there, and this host's. */
  get isThere(): boolean {
    return ['ok', 'refill', 'rebuild'].includes(this.#state);
  }

  async #ensure(): Promise<Omit<DriverFault, 'key'> | undefined> {
    if (this.#state === 'ok') return undefined;
    const { name, refill, rebuild } = this.table;
    if (this.#state === 'foreign') {
      const remedy = `when no agent works under that number any more, delete it there: nft delete table inet ${name}`;
      return { what: 'not-ours', detail: `table inet ${name} in the host’s namespace belongs to ${this.#owner}; ${remedy}` };
    }
    const detail = await this.#access.nft(HOST, this.#state === 'rebuild' ? rebuild : refill());
    if (detail !== undefined) return { what: 'kernel', detail };
    this.#state = 'ok';
    return undefined;
  }

  #next<T>(write: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(write);
    this.#writing = result.catch(() => {});
    return result;
  }
}

function setOf(underlay: string): string {
  return isV4(underlay) ? 'peers4' : 'peers6';
}

/** Holds whether or not the element is there. */
function removal(underlay: string): readonly string[] {
  const element = `element inet dp_underlay ${setOf(underlay)} { ${underlay} }`;
  return [`add ${element}`, `delete ${element}`];
}
