/** Field selectors (http-api 7): `path=value`, `==`, `!=`; comma is AND; `\` escapes `,`, `=` and `\`. */
import type { KindModule } from '../kind/kind.ts';
import type { ApiObject } from '../kind/object.ts';
import type { Parsed } from './label-selector.ts';

export type FieldRequirement = Readonly<{ field: string; equal: boolean; value: string }>;
export type FieldSelector = readonly FieldRequirement[];

/** Empty text selects everything. */
export function parseFieldSelector(text: string): Parsed<FieldSelector> {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text)) {
    if (term === '') continue;
    const sign = /(?<!\\)(?:\\\\)*(==|!=|=)/.exec(term);
    if (sign === null) return { ok: false, why: `invalid selector: '${text}'; can't understand '${term}'` };
    const operator = sign[1] as string;
    const at = sign.index + sign[0].length - operator.length;
    const field = term.slice(0, at);
    const value = unescaped(term.slice(at + operator.length));
    if (value === undefined) return { ok: false, why: `invalid field selector: invalid escape sequence in '${term}'` };
    requirements.push({ field, equal: operator !== '!=', value });
  }
  return { ok: true, value: requirements };
}

/** The first field that the kind does not offer for selection. */
export function unsupportedField(kind: KindModule, selector: FieldSelector): string | undefined {
  const offered = selectableFields(kind, EXAMPLE);
  return selector.find(({ field }) => !Object.hasOwn(offered, field))?.field;
}

export function matchesFields(kind: KindModule, selector: FieldSelector, object: ApiObject): boolean {
  if (selector.length === 0) return true;
  const fields = selectableFields(kind, object);
  return selector.every(({ field, equal, value }) => (fields[field] === value) === equal);
}

function selectableFields(kind: KindModule, object: ApiObject): Record<string, string> {
  return {
    ...kind.selectableFields?.(object),
    'metadata.name': object.metadata.name,
    'metadata.namespace': object.metadata.namespace ?? '',
  };
}

const EXAMPLE: ApiObject = { apiVersion: '', kind: '', metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' } };

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') term += `\\${text[++i] ?? ''}`;
    else if (text[i] === ',') {
      terms.push(term);
      term = '';
    } else term += text[i];
  }
  return [...terms, term];
}

function unescaped(text: string): string | undefined {
  let value = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '=') return undefined;
    if (text[i] !== '\\') {
      value += text[i];
      continue;
    }
    const next = text[++i];
    if (next !== '\\' && next !== ',' && next !== '=') return undefined;
    value += next;
  }
  return value;
}
