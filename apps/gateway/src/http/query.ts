/** Query parameters as the API reads them: unknown ones are ignored as upstream, but not by `knowing`; the first of several counts unless all are asked for. */
import { badRequest } from './failures.ts';

export class Query {
  readonly #values: Readonly<Record<string, string | string[] | undefined>>;

  constructor(values: unknown) {
    this.#values = values as Record<string, string | string[] | undefined>;
  }

  /**
   * For paths of Weft's own: throws 400 for a parameter beside `names`. Ignored, it would be a filter that is missing, or another moment than the one asked about.
   * `timeout` is let through: kubectl adds it to each request (`--request-timeout`), and keeps it itself.
   */
  static knowing(names: readonly string[], values: unknown): Query {
    const { timeout: _, ...others } = values as Readonly<Record<string, unknown>>;
    refuseOthers(names, others, 'parameter');
    return new Query(values);
  }

  /** Undefined when absent or empty. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    const first = Array.isArray(value) ? value[0] : value;
    return first === '' ? undefined : first;
  }

  all(name: string): readonly string[] {
    const value = this.#values[name];
    return value === undefined ? [] : Array.isArray(value) ? value : [value];
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** As upstream: present means true, unless it says `false` or `0`. Undefined when absent. */
  flag(name: string): boolean | undefined {
    if (!this.has(name)) return undefined;
    const value = this.text(name)?.toLowerCase();
    return value !== 'false' && value !== '0';
  }

  /** Of Weft's own: `true`, `1` or nothing behind the name; `false`, `0`. Throws 400 for anything else; undefined when absent. */
  strictFlag(name: string): boolean | undefined {
    if (!this.has(name)) return undefined;
    const value = FLAGS.get(this.text(name) ?? '');
    if (value === undefined) throw badRequest(`${name}="${this.text(name)}" is neither true nor false`);
    return value;
  }

  /** A whole number of 0 or more. Throws 400 for anything else. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text)) throw badRequest(`invalid value for the parameter ${name}: "${text}" is not a whole number`);
    return Number(text);
  }
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['', true],
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** Throws 400 for what is there beside `names`. */
export function refuseOthers(names: readonly string[], values: object, what: string): void {
  const other = Object.keys(values).find((name) => !names.includes(name));
  if (other !== undefined) throw badRequest(`there is no ${what} "${other}"${names.length === 0 ? ' here' : `: ${names.join(', ')}`}`);
}
