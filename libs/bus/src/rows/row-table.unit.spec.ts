import { createHash } from 'node:crypto';
import type { JsonValue } from '@weft/api';
import fc from 'fast-check';
import { decodeRowMessage, encodeRowMessage, type RowMessage } from './row-messages.ts';
import { canonicalText, Digest, hashLine, lineToEdit, lineToRow, RowTable, rowToLine } from './row-table.ts';
import type { AnyRow } from './rows-port.ts';

const row = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<JsonValue>, { noNullPrototype: true }) as fc.Arbitrary<AnyRow>;

/** The same value with its keys in another order. */
function shuffled(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffled(member)]),
  );
}

describe('Canonical text', () => {
  it('is JSON of the same value, whatever the order of keys, and survives a round trip', () => {
    fc.assert(
      fc.property(row, (value) => {
        const text = canonicalText(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalText(shuffled(value))).toBe(text);
        expect(canonicalText(JSON.parse(text))).toBe(text);
        expect(text).not.toMatch(/[\t\n]/);
      }),
    );
  });

  it('is that of each name and member by itself', () => {
    const byMember = (value: JsonValue): string => {
      if (typeof value !== 'object' || value === null) return JSON.stringify(value);
      if (Array.isArray(value)) return `[${value.map(byMember).join(',')}]`;
      const names = Object.keys(value).sort();
      return `{${names.map((name) => `${JSON.stringify(name)}:${byMember(value[name] as JsonValue)}`).join(',')}}`;
    };
    const name = fc.oneof(fc.constantFrom('a', 'b', '1', '9', '10', '01', '__proto__', 'toJSON', 'ä', ''), fc.string());
    const { value: any } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue({ maxDepth: 0 }), fc.array(tie('value'), { maxLength: 3 }), tie('object')),
      object: fc.array(fc.tuple(name, tie('value')), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
    }));
    fc.assert(fc.property(any as fc.Arbitrary<JsonValue>, (value) => expect(canonicalText(value)).toBe(byMember(value))));
    fc.assert(fc.property(row, (value) => expect(canonicalText(value)).toBe(byMember(value))));
  });

  it('leaves out what is undefined, and sorts keys that look like numbers as text', () => {
    expect(canonicalText({ b: undefined, 10: 1, 9: 2, a: [1, { d: null, c: 'ä' }] } as unknown as JsonValue)).toBe(
      '{"10":1,"9":2,"a":[1,{"c":"ä","d":null}]}',
    );
  });
});

describe('A line', () => {
  it('comes back as key and row', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(row, { nil: undefined }), (key, value) => {
        const back = lineToRow(rowToLine(key, value));
        expect(back.key).toBe(key);
        expect(back.row).toEqual(value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('A digest', () => {
  const edit = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), row: fc.option(fc.record({ v: fc.nat(3) }), { nil: undefined }) });
  const toEdit = ({ key, row: value }: { key: string; row: AnyRow | undefined }) => lineToEdit(rowToLine(key, value));

  it('is the sum of the first 96 bits of the SHA-256 of each line, in two halves: what other versions compute', () => {
    const [a, b] = [rowToLine('a', { v: 1 }), rowToLine('b', { v: 'ü' })];
    const halves = (line: string) => {
      const hex = createHash('sha256').update(line).digest('hex');
      return [hex.slice(0, 12), hex.slice(12, 24)].map((half) => BigInt(`0x${half}`)) as [bigint, bigint];
    };
    const table = new RowTable();
    for (const line of [a, b]) table.edit(lineToEdit(line));
    const sums = halves(a).map((half, i) => (half + (halves(b)[i] as bigint)) % 2n ** 48n);
    expect(table.sumText()).toBe(sums.map((sum) => sum.toString(16).padStart(12, '0')).join(''));
    table.edit(lineToEdit(rowToLine('b', undefined)));
    expect(table.sumText()).toBe(createHash('sha256').update(a).digest('hex').slice(0, 24));
  });

  it('does not depend on the path by which the rows were reached', () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 30 }), (edits) => {
        const table = new RowTable();
        for (const each of edits) table.edit(toEdit(each));
        const fresh = new Digest();
        for (const [key, value] of [...table.rows].reverse()) fresh.add(hashLine(rowToLine(key, value)));
        expect(table.sumText()).toBe(fresh.text());
      }),
    );
  });

  it('is foretold without a change', () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 10 }), fc.array(edit, { maxLength: 10 }), (before, edits) => {
        const table = new RowTable();
        for (const each of before) table.edit(toEdit(each));
        const sum = table.sumText();
        const foretold = table.digestAfter(edits.map(toEdit));
        expect(table.sumText()).toBe(sum);
        for (const each of edits) table.edit(toEdit(each));
        expect(table.sumText()).toBe(foretold);
      }),
    );
  });

  it('tells rows apart that differ in key or content, and one row from the same twice', () => {
    const text = (...lines: string[]) => {
      const digest = new Digest();
      for (const line of lines) digest.add(hashLine(line));
      return digest.text();
    };
    const all = [text(), text('"a"\t{}'), text('"b"\t{}'), text('"a"\t{"v":1}'), text('"a"\t{}', '"b"\t{}'), text('"a"\t{}', '"a"\t{}')];
    expect(new Set(all).size).toBe(all.length);
    expect(text('x', 'y')).toBe(text('y', 'x'));
    expect(text()).toBe('0'.repeat(24));
  });
});

describe('A message', () => {
  const state = { rev: 2n ** 64n, digest: '0123456789abcdef01234567' };
  const entry = { table: 'endpoints.7', state };
  const lines = ['"k"\t{"v":"ä\\n"}', '"gone"'];
  const messages: RowMessage[] = [
    { kind: 'delta', term: 't', table: 'hosts', from: { rev: 0n, digest: '0' }, to: state, part: 0, parts: 1, lines },
    { kind: 'delta', term: 't', table: 'hosts', from: state, to: state, part: 3, parts: 7, lines: [] },
    { kind: 'progress', term: 't', number: 5, previous: 4, upTo: 9n, changed: [entry, { ...entry, earlier: [3n, 7n] }] },
    { kind: 'chunk', term: 't', table: 'hosts', snapshot: 1, index: 0, last: false, state, number: 5, lines },
    { kind: 'chunk', term: 't', table: 'hosts', snapshot: 1, index: 9, last: true, state, number: 5, lines: [] },
    { kind: 'revs', term: 't', number: 5, upTo: 9n, states: [entry] },
    { kind: 'ask', what: 'revs', tables: ['hosts'] },
    { kind: 'ask', what: 'snapshot', tables: [] },
    { kind: 'queued', term: 't' },
  ];

  it('comes back as it was', () => {
    for (const message of messages) expect(decodeRowMessage(encodeRowMessage(message))).toEqual(message);
  });

  it('is folded when it is long', () => {
    const many = Array.from({ length: 2_000 }, (_, i) => rowToLine(`key-${i}`, { host: `host-${i % 7}`, mac: '02:00:00:00:00:01', v: i }));
    const message: RowMessage = {
      kind: 'chunk',
      term: 't',
      table: 'hosts',
      snapshot: 1,
      index: 0,
      last: true,
      state,
      number: 5,
      lines: many,
    };
    const bytes = encodeRowMessage(message);
    expect(bytes.length).toBeLessThan(many.join('\n').length / 3);
    expect(decodeRowMessage(bytes)).toEqual(message);
    expect(() => decodeRowMessage(bytes.subarray(0, 100))).toThrow(/cannot be unfolded \(99 bytes\)/);
  });

  it('is refused, never half read, when its header is wrong anywhere', () => {
    for (const message of messages) {
      const [header = '', ...rest] = Buffer.from(encodeRowMessage(message)).toString('utf8').split('\n');
      for (const field of Object.keys(JSON.parse(header) as object)) {
        const wrong = { ...(JSON.parse(header) as object), [field]: { not: 'this' } };
        expect(() => decodeRowMessage(Buffer.from([JSON.stringify(wrong), ...rest].join('\n')))).toThrow(/^a rows message: /);
      }
    }
  });
});
