/** Label selectors as text, as clients send them (http-api 7): `a=b`, `a!=b`, `a`, `!a`, `a in (x,y)`, `a notin (x)`, `a>5`, `a<5`; comma is AND. */
import { labelValueProblems, qualifiedNameProblems } from '../values/names.ts';

export type Requirement =
  | Readonly<{ key: string; operator: 'in' | 'notin'; values: readonly string[] }>
  | Readonly<{ key: string; operator: 'exists' | 'absent' }>
  | Readonly<{ key: string; operator: 'gt' | 'lt'; value: bigint }>;

export type LabelSelector = readonly Requirement[];
export type Parsed<T> = Readonly<{ ok: true; value: T }> | Readonly<{ ok: false; why: string }>;

class SelectorError extends Error {}

/** Empty text selects everything. */
export function parseLabelSelector(text: string): Parsed<LabelSelector> {
  try {
    return { ok: true, value: new Parser(text).selector() };
  } catch (error) {
    if (error instanceof SelectorError) return { ok: false, why: error.message };
    throw error;
  }
}

/** `!=` and `notin` match objects without the key. */
export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>> = {}): boolean {
  return selector.every((requirement) => matches(requirement, labels));
}

function matches(requirement: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notin':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'gt':
      return isInteger(value) && BigInt(value) > requirement.value;
    case 'lt':
      return isInteger(value) && BigInt(value) < requirement.value;
  }
}

function isInteger(value: string | undefined): value is string {
  return value !== undefined && /^-?[0-9]{1,19}$/.test(value);
}

type Token = Readonly<{ kind: 'word' | 'sign' | 'end'; text: string }>;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = [...tokens(text), { kind: 'end', text: '' }];
  }

  selector(): LabelSelector {
    const requirements: Requirement[] = [];
    if (this.#peek().kind === 'end') return requirements;
    for (;;) {
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.text !== ',') throw new SelectorError(`unable to parse requirement: found '${next.text}', expected: ',' or 'end of string'`);
      if (this.#peek().kind === 'end') throw new SelectorError("unable to parse requirement: found '', expected: identifier after ','");
    }
  }

  #requirement(): Requirement {
    if (this.#peek().text === '!') {
      this.#take();
      return { key: this.#key(), operator: 'absent' };
    }
    const key = this.#key();
    const { kind, text } = this.#peek();
    if (kind === 'end' || text === ',') return { key, operator: 'exists' };
    this.#take();
    switch (text) {
      case '=':
      case '==':
        return { key, operator: 'in', values: [this.#value()] };
      case '!=':
        return { key, operator: 'notin', values: [this.#value()] };
      case 'in':
      case 'notin':
        return { key, operator: text, values: this.#values() };
      case '>':
      case '<': {
        const value = this.#value();
        if (!isInteger(value))
          throw new SelectorError(`values[0][${key}]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`);
        return { key, operator: text === '>' ? 'gt' : 'lt', value: BigInt(value) };
      }
      default:
        throw new SelectorError(`unable to parse requirement: found '${text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #key(): string {
    const { kind, text } = this.#take();
    if (kind !== 'word') throw new SelectorError(`unable to parse requirement: found '${text}', expected: identifier`);
    const problem = qualifiedNameProblems(text)[0];
    if (problem !== undefined) throw new SelectorError(`unable to parse requirement: key: Invalid value: "${text}": ${problem}`);
    return text;
  }

  #value(): string {
    const { kind, text } = this.#peek();
    if (kind === 'end' || text === ',' || text === ')') return '';
    if (kind !== 'word') throw new SelectorError(`unable to parse requirement: found '${text}', expected: identifier`);
    this.#take();
    const problem = labelValueProblems(text)[0];
    if (problem !== undefined) throw new SelectorError(`unable to parse requirement: values[0]: Invalid value: "${text}": ${problem}`);
    return text;
  }

  #values(): readonly string[] {
    if (this.#take().text !== '(') throw new SelectorError("unable to parse requirement: expected: '('");
    const values = new Set<string>();
    for (;;) {
      values.add(this.#value());
      const { text } = this.#take();
      if (text === ')') return [...values].sort();
      if (text !== ',') throw new SelectorError(`unable to parse requirement: found '${text}', expected: ',' or ')'`);
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }
}

const TOKEN = /\s*(?:(==|!=|[=!<>(),])|([^\s=!<>(),]+))/y;

function tokens(text: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null) break; // Only blanks are left: everything else is a token.
    found.push(match[1] === undefined ? { kind: 'word', text: match[2] as string } : { kind: 'sign', text: match[1] });
  }
  return found;
}
