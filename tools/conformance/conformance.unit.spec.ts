import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { citationsIn } from './citations.mjs';
import { casesOf, citingTests, conformance } from './report.mjs';

const cases = casesOf(parse(readFileSync(join(import.meta.dirname, 'cases.yaml'), 'utf8')));
const cited = (text: string) => citationsIn(text).map(({ document, section, id }) => [document, section, id].filter(Boolean).join(' '));

describe('What a title cites', () => {
  it.each<[string, readonly string[]]>([
    ['resources C-15: a child', ['resources C-15']],
    ['Seed 1 > goes (resources E-24, Z-16)', ['resources E-24', 'resources Z-16']],
    ['resources G-07, provider C-34: the ports', ['resources G-7', 'provider C-34']],
    ['resources S-29 to S-31: as it stands', ['resources S-29', 'resources S-30', 'resources S-31']],
    ['NATGateway rules > resources 2.4 G-2: a type', ['resources 2.4 G-2']],
    ['resources 2.8 P-S1, P-S2: a status', ['resources 2.8 P-S1', 'resources 2.8 P-S2']],
    ['Rules (resources 2.2 (X), (R)) > E-11: a dot', ['resources E-11']],
    ['resources C-6, 1.6: a list (Z-10)', ['resources C-6', 'resources Z-10']],
    [
      'resources E-9 beside eventstoredb E-10 and packet P-24, P-26 to P-27',
      ['resources E-9', 'packet P-24', 'packet P-26', 'packet P-27'],
    ],
    ['C-15 alone, UTF-8, G-code, A-B', []],
  ])('is found in example %#', (title, expected) => {
    expect(cited(title)).toEqual(expected);
  });
});

describe('The answers of cases', () => {
  const some = casesOf({
    resources: {
      cases: { '4.1 Some': { 'C-1': 'one', 'C-2': 'two', 'C-3': 'three', 'C-4': 'four' } },
      differs: { 'C-2': 'so' },
      'not applicable': { 'C-3': 'no' },
    },
  });
  const test = (title: string, status: string) => ({ ancestorTitles: [], title, status });
  const answersOf = (...tests: readonly object[]) => {
    const { page, problems } = conformance(
      some,
      citingTests([{ name: 'a.spec.ts', assertionResults: tests }], (file: string) => file),
    );
    return [[...page.matchAll(/^\| C-\d \| \w+ \| ([^|]+) \|/gm)].map(([, answer]) => answer), problems];
  };

  it('are those of the tests, and reasons where it differs', () => {
    expect(answersOf(test('resources C-1', 'passed'), test('resources C-2', 'passed'), test('resources C-4', 'passed'))).toEqual([
      ['passes', 'differs: so', 'not applicable: no', 'passes'],
      [],
    ]);
  });

  it('are problems when a test fails, is missing, or was skipped, also where it differs', () => {
    expect(
      answersOf(
        test('resources C-1', 'failed'),
        test('resources C-1', 'passed'),
        test('resources C-2', 'failed'),
        test('resources C-4', 'pending'),
      ),
    ).toEqual([
      ['fails', 'fails', 'not applicable: no', 'skipped'],
      ['resources C-1 fails in a.spec.ts', 'resources C-2 fails in a.spec.ts', 'resources C-4: skipped'],
    ]);
    expect(answersOf()[1]).toEqual(['resources C-1: no test', 'resources C-2 differs, and no test shows how', 'resources C-4: no test']);
  });

  it('are for packets those of tests that send some', () => {
    const packets = casesOf({ packet: { cases: { '5.1 Some': { 'P-1': 'one' } } } });
    const problemsOf = (name: string) => {
      const results = [{ name, assertionResults: [test('packet P-1', 'passed')] }];
      return conformance(
        packets,
        citingTests(results, (file: string) => file),
      ).problems;
    };
    expect([problemsOf('a.net.spec.ts'), problemsOf('a.unit.spec.ts')]).toEqual([[], ['packet P-1: no test']]);
  });

  it('are not for what is no case, while rules may be cited', () => {
    expect(answersOf(test('resources C-9', 'passed'), test('resources 2.1 N-3', 'passed'))[1]).toContain(
      'a.spec.ts: resources C-9 is no case',
    );
  });

  it('have a reason for cases only, and one at most', () => {
    const wrong = (reasons: object) => () => casesOf({ resources: { cases: { '4.1': { 'C-1': 'one' } }, ...reasons } });
    expect(wrong({ differs: { 'C-2': 'so' } })).toThrow('C-2 has a reason, and is no case');
    expect(wrong({ differs: { 'C-1': 'so' }, later: { 'C-1': 'so' } })).toThrow('C-1 has two reasons');
    expect(wrong({ never: {} })).toThrow('"never"');
  });

  it('are asked for each of the specification', () => {
    const numbers = (document: string, letter: string) =>
      cases.flatMap((each: { document: string; id: string }) =>
        each.document === document && each.id.startsWith(`${letter}-`) ? [Number(each.id.slice(letter.length + 1))] : [],
      );
    const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);
    const lasts = { C: 36, T: 88, E: 29, Z: 26, S: 35, G: 16, B: 97, Q: 23 };
    for (const [letter, last] of Object.entries(lasts))
      expect(numbers('resources', letter).sort((a: number, b: number) => a - b)).toEqual(upTo(last));
    expect(numbers('provider', 'C').sort((a: number, b: number) => a - b)).toEqual(upTo(52));
    expect(numbers('packet', 'P').sort((a: number, b: number) => a - b)).toEqual(upTo(119));
  });
});

/** What can be seen without running tests; `npm test` holds the page to their results. */
describe('docs/conformance.md', () => {
  const root = dirname(dirname(import.meta.dirname));
  const page = readFileSync(join(root, 'docs/conformance.md'), 'utf8');
  const rows = [...page.matchAll(/^\| ([A-Z]-\d+) \| .* \| (.*) \| (.*) \|$/gm)].map(([, id = '', answer = '', files = '']) => ({
    id,
    answer,
    files: [...files.matchAll(/\(\.\.\/([^)]+)\)/g)].map(([, file = '']) => file),
  }));

  it('answers each case, in order', () => {
    expect(rows.map(({ id }) => id)).toEqual(cases.map(({ id }: { id: string }) => id));
    for (const [at, { reason }] of cases.entries()) {
      const { id, answer } = rows[at] as { id: string; answer: string };
      expect([id, answer]).toEqual([id, reason === undefined ? 'passes' : `${reason.kind}: ${reason.why.replaceAll('|', '\\|')}`]);
    }
  });

  it('names tests that exist and still cite the case', () => {
    const sources = new Map<string, ReadonlySet<string> | 'all'>();
    const citedIn = (file: string) => {
      const source = readFileSync(join(root, file), 'utf8');
      // The table of the manifests is in a file of its own.
      if (source.includes("'resources %s, E-29")) return 'all';
      // Of a title that is made of a table, the document stands elsewhere.
      return new Set(source.split('\n').flatMap((line) => citationsIn(`resources ${line}`).map(({ id }: { id: string }) => id)));
    };
    const cites = (file: string, id: string) => {
      const cited = sources.get(file) ?? citedIn(file);
      sources.set(file, cited);
      return cited === 'all' || cited.has(id);
    };
    for (const { id, answer, files } of rows) {
      if (answer === 'passes') expect([id, files]).not.toEqual([id, []]);
      for (const file of files) expect([id, file, existsSync(join(root, file)) && cites(file, id)]).toEqual([id, file, true]);
    }
  });
});
