/** docs/conformance.md, from the list of cases and from the results of tests. */
import { citationsIn } from './citations.mjs';

const REASONS = ['differs', 'later', 'not applicable'];

/** All cases of `cases.yaml`: `{ document, section, id, text, reason?: { kind, why } }`. */
export function casesOf(parsed) {
  return Object.entries(parsed).flatMap(([document, { cases, ...reasons }]) => {
    const of = Object.entries(cases).flatMap(([section, texts]) =>
      Object.entries(texts).map(([id, text]) => ({ document, section, id, text, ...reasonOf(reasons, id) })),
    );
    const known = new Set(of.map(({ id }) => id));
    for (const [kind, whys] of Object.entries(reasons)) {
      if (!REASONS.includes(kind)) throw new Error(`cases.yaml: "${kind}" of ${document} is none of ${REASONS.join(', ')}`);
      for (const id of Object.keys(whys)) if (!known.has(id)) throw new Error(`cases.yaml: ${document} ${id} has a reason, and is no case`);
    }
    return of;
  });
}

function reasonOf(reasons, id) {
  const kinds = REASONS.filter((kind) => reasons[kind]?.[id] !== undefined);
  if (kinds.length > 1) throw new Error(`cases.yaml: ${id} has two reasons: ${kinds.join(', ')}`);
  const [kind] = kinds;
  return kind === undefined ? {} : { reason: { kind, why: reasons[kind][id] } };
}

/** Tests that cite anything: `{ file, title, status, citations }`. `results`: of Jest's JSON reports; `relative`: makes their paths those of the repository. */
export function citingTests(results, relative) {
  return results.flatMap(({ name, assertionResults }) =>
    assertionResults.flatMap(({ ancestorTitles, title, status }) => {
      const citations = citationsIn([...ancestorTitles, title].join(' > '));
      return citations.length === 0 ? [] : [{ file: relative(name), title, status, citations }];
    }),
  );
}

/** Cases of this document are about packets: nothing but a test that sends some answers them. */
const PACKETS = 'packet';
const sendsPackets = ({ file }) => file.endsWith('.net.spec.ts');

/** The page, and what is wrong: cases without test and reason, tests that fail, citations of what does not exist. */
export function conformance(cases, tests) {
  const problems = [];
  const known = new Set(cases.map(({ document, id }) => `${document} ${id}`));
  const byCase = new Map();
  const byRule = new Map();
  for (const test of tests) {
    for (const { document, section, id } of test.citations) {
      const of = section === undefined ? byCase : byRule;
      const name = section === undefined ? `${document} ${id}` : `${section} ${id}`;
      of.set(name, [...(of.get(name) ?? []), test]);
      if (section === undefined && !known.has(name) && isCase(document, id)) problems.push(`${test.file}: ${name} is no case`);
    }
  }
  const answered = cases.map((each) => {
    const { document, id, reason } = each;
    const citing = byCase.get(`${document} ${id}`) ?? [];
    const failing = citing.filter(({ status }) => status === 'failed');
    if (failing.length > 0) problems.push(`${document} ${id} fails in ${filesOf(failing).join(', ')}`);
    const proving = document === PACKETS ? citing.filter(sendsPackets) : citing;
    const isSkipped = proving.length > 0 && proving.every(({ status }) => status !== 'passed' && status !== 'failed');
    const answer = failing.length > 0 ? 'fails' : (reason?.kind ?? (proving.length === 0 ? 'no test' : isSkipped ? 'skipped' : 'passes'));
    if (answer === 'no test' || answer === 'skipped') problems.push(`${document} ${id}: ${answer}`);
    if (answer === 'differs' && citing.length === 0) problems.push(`${document} ${id} differs, and no test shows how`);
    return { ...each, answer, files: filesOf(citing) };
  });
  return { page: pageOf(answered, byRule), problems };
}

const LETTERS = { resources: /^[CTBEZQGS]-/, provider: /^C-/, packet: /^P-/ };
/** Rules (`resources N-3`) and recommendations (`provider R-9`) may be cited too; they are no cases. */
const isCase = (document, id) => LETTERS[document].test(id);

const filesOf = (tests) => [...new Set(tests.map(({ file }) => file))].sort();
const cell = (text) => text.replaceAll('|', '\\|');
const linked = (files) => files.map((file) => `[${file.split('/').at(-1)}](../${file})`).join('<br>');

function pageOf(cases, byRule) {
  const answers = [...new Set(cases.map(({ answer }) => answer))];
  const counts = answers.map((answer) => [answer, cases.filter((each) => each.answer === answer).length]).sort(([, a], [, b]) => b - a);
  const lines = [
    '# Conformance',
    '',
    'How Weft answers each numbered case of the specification that it was built to. Written by `npm run conformance -- --write` from the titles and results of',
    'tests; texts and reasons stand in `tools/conformance/cases.yaml`. A test proves what its title says; of a case that differs, it shows how.',
    '',
    counts.map(([answer, count]) => `${count} ${answer}`).join(', '),
  ];
  for (const document of new Set(cases.map((each) => each.document))) {
    const own = cases.filter((each) => each.document === document);
    for (const section of new Set(own.map((each) => each.section))) {
      lines.push('', `## ${document} ${section}`, '', '| Case | What | Answer | Tests |', '|---|---|---|---|');
      for (const { id, text, answer, reason, files } of own.filter((each) => each.section === section)) {
        const why = reason?.kind !== answer ? answer : `${answer}: ${reason.why}`;
        lines.push(`| ${id} | ${cell(text)} | ${cell(why)} | ${linked(files)} |`);
      }
    }
  }
  lines.push('', '## Rules of section 2 of resources that tests name by number', '', '| Rule | Tests |', '|---|---|');
  for (const [rule, tests] of [...byRule].sort(([one], [two]) => one.localeCompare(two, 'en', { numeric: true }))) {
    lines.push(`| ${rule} | ${linked(filesOf(tests))} |`);
  }
  return `${lines.join('\n')}\n`;
}
