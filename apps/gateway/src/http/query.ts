/** Query parameters as the API reads them: unknown ones are ignored where nothing else is said, the first of several counts unless all are asked for. */
import { badRequest } from './failures.ts';

export class Query {
  readonly #values: Readonly<Record<string, string | string[] | undefined>>;

  constructor(values: unknown) {
    this.#values = values as Record<string, string | string[] | undefined>;
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

  get names(): readonly string[] {
    return Object.keys(this.#values);
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

  /** A whole number of 0 or more. Throws 400 for anything else. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text)) throw badRequest(`invalid value for the parameter ${name}: "${text}" is not a whole number`);
    return Number(text);
  }
}
