/** Keys that a JSON text gives twice in one object. `JSON.parse` keeps the last one and says nothing, so a typing error would take effect in silence (http-api 7). */
import type { JsonValue } from '@weft/api';

/** The most that are named. */
const NAMED_MAX = 20;

/**
 * Paths such as `spec.ips[0].value`, each once, in the order of the text. `value` is what the text, which is valid JSON, parses to. Where nothing is
 * repeated, the cost is one look at each character and one at each key.
 */
export function repeatedKeys(text: string, value: JsonValue): readonly string[] {
  return colonsOf(text) === keysOf(value) ? [] : [...new Search(text).repeated];
}

/** Colons outside of strings: one for each key. */
function colonsOf(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) colons++;
    else if (code === QUOTE) at = endOfString(text, at);
  }
  return colons;
}

function keysOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) for (const each of value) keys += keysOf(each);
  else {
    for (const key in value) keys += 1 + keysOf(value[key] as JsonValue);
  }
  return keys;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Where the closing quote of the string is that begins at `at`. */
function endOfString(text: string, at: number): number {
  for (let end = at + 1; ; end++) {
    const code = text.charCodeAt(end);
    if (code === BACKSLASH) end++;
    else if (code === QUOTE) return end;
  }
}

/** Walks a valid text once more, with the keys of each open object. */
class Search {
  readonly repeated = new Set<string>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#value('');
  }

  #value(path: string): void {
    const first = this.#next();
    if (first === '{') this.#object(path);
    else if (first === '[') this.#list(path);
    else if (first === '"') this.#string();
    else while (this.#at < this.#text.length && !/[,\]}\s]/.test(this.#text[this.#at] as string)) this.#at++;
  }

  #object(path: string): void {
    const seen = new Set<string>();
    this.#at++;
    while (this.#next() !== '}') {
      if (this.#text[this.#at] === ',') {
        this.#at++;
        continue;
      }
      const key = this.#string();
      const at = path === '' ? key : `${path}.${key}`;
      if (seen.has(key) && this.repeated.size < NAMED_MAX) this.repeated.add(at);
      seen.add(key);
      this.#next();
      this.#at++; // The colon.
      this.#value(at);
    }
    this.#at++;
  }

  #list(path: string): void {
    this.#at++;
    for (let index = 0; this.#next() !== ']'; ) {
      if (this.#text[this.#at] === ',') {
        this.#at++;
        index++;
      } else this.#value(`${path}[${index}]`);
    }
    this.#at++;
  }

  #string(): string {
    const start = this.#at;
    this.#at = endOfString(this.#text, start) + 1;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  /** The next character that is no white space. */
  #next(): string {
    while (/\s/.test(this.#text[this.#at] as string)) this.#at++;
    return this.#text[this.#at] as string;
  }
}
