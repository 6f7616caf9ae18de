import type { DriverFault } from '@weft/fabric';

/** A fault that lasts: tried so many times so far. */
export type StandingFault = DriverFault & Readonly<{ attempts: number }>;
export type Failure = StandingFault & { dueMs: number };

/** What the kernel refused, by key. There may be as many as there are objects, so whoever looks often looks at their groups. */
export class Failures extends Map<string, Failure> {
  readonly #counts = new Map<string, number>();

  /** `<kind>/<vni>` for what belongs to one network as a whole, `entry/<scope>/<section>` for entries, else `<kind>`. */
  get groups(): Iterable<string> {
    return this.#counts.keys();
  }

  override set(key: string, failure: Failure): this {
    if (!this.has(key)) this.#count(key, 1);
    return super.set(key, failure);
  }

  override delete(key: string): boolean {
    if (!super.delete(key)) return false;
    this.#count(key, -1);
    return true;
  }

  #count(key: string, by: 1 | -1): void {
    const group = groupOf(key);
    const count = (this.#counts.get(group) ?? 0) + by;
    if (count === 0) this.#counts.delete(group);
    else this.#counts.set(group, count);
  }
}

function groupOf(key: string): string {
  const [kind = '', vni = '', section = ''] = key.split('/', 3);
  if (kind === 'entry') return `entry/${vni}/${section}`;
  return kind === 'peer' || kind === 'route' || kind === 'router' ? `${kind}/${vni}` : kind;
}
