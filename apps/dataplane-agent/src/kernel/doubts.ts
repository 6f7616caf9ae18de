import { type DriverFault, type KernelObject, keyOf } from '@weft/fabric';

/** A fault that lasts: tried so many times so far. */
export type StandingFault = DriverFault & Readonly<{ attempts: number }>;
export type Failure = StandingFault & { dueMs: number };

/**
 * Keys of which it is not known what the kernel holds, since a write was refused or a part was read; and of which of them the refusal stands. There may be as many
 * as there are objects, so whoever looks often looks at groups of failures.
 */
export class Doubts {
  readonly #objects = new Map<string, KernelObject>();
  readonly #failures = new Map<string, Failure>();
  /** Those among them that follow from no other. */
  readonly #causes = new Map<string, Failure>();
  /** Keys that were refused for lack of another, by that. */
  readonly #lacking = new Map<string, Set<string>>();
  readonly #counts = new Map<string, number>();

  /** What to remove when the key is not wanted; undefined: it is not in doubt. */
  get(key: string): KernelObject | undefined {
    return this.#objects.get(key);
  }
  keys(): Iterable<string> {
    return this.#objects.keys();
  }
  get failures(): ReadonlyMap<string, Failure> {
    return this.#failures;
  }
  /** Those to tell of: what lacks something that was refused itself follows from that. Each keeps its place when it fails again. */
  get toTell(): Iterable<Failure> {
    return (this.#causes.size > 0 ? this.#causes : this.#failures).values();
  }
  /** Those that were refused for lack of this one. */
  lacking(key: string): Iterable<string> {
    return this.#lacking.get(key) ?? [];
  }
  /** Of failures: `<kind>/<vni>` for what belongs to one network as a whole, `entry/<scope>/<section>` for entries, else `<kind>`. */
  get groups(): Iterable<string> {
    return this.#counts.keys();
  }

  put(key: string, object: KernelObject): void {
    this.#objects.set(key, object);
  }

  fail(object: KernelObject, failure: Failure): void {
    const key = keyOf(object);
    this.put(key, object);
    this.#unlink(key);
    if (!this.#failures.has(key)) this.#count(key, 1);
    this.#failures.set(key, failure);
    if (failure.what === 'missing-reference') this.#causes.delete(key);
    else this.#causes.set(key, failure);
    if (failure.lacks === undefined) return;
    const others = this.#lacking.get(failure.lacks) ?? new Set();
    this.#lacking.set(failure.lacks, others.add(key));
  }

  /** It is not tried again; what the kernel holds stays unknown. */
  forgive(key: string): void {
    this.#unlink(key);
    this.#causes.delete(key);
    if (this.#failures.delete(key)) this.#count(key, -1);
  }

  /** It was read what the kernel holds; what was refused is tried again all the same. */
  know(key: string): void {
    this.#objects.delete(key);
  }

  /** It was written. */
  settle(key: string): void {
    this.know(key);
    this.forgive(key);
  }

  #unlink(key: string): void {
    const lacks = this.#failures.get(key)?.lacks;
    if (lacks === undefined) return;
    const others = this.#lacking.get(lacks);
    others?.delete(key);
    if (others?.size === 0) this.#lacking.delete(lacks);
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
