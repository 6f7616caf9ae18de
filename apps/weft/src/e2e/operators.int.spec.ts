/** docs/operators.md: its commands are run, in one shell, against a Weft as `npm start` runs it, and print what is written there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AllInOne } from './all-in-one.ts';
import { withProcesses } from './processes.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const MARK = '@@@';

type Step = Readonly<{ command: string; printed: readonly string[] }>;

function stepsOf(page: string): readonly Step[] {
  const steps: { command: string; printed: string[] }[] = [];
  for (const [, block = ''] of page.matchAll(/```console\n([\s\S]+?)```/g)) {
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), printed: [] });
      else steps.at(-1)?.printed.push(line);
    }
  }
  return steps;
}

/** Numbers and widths differ from machine to machine, and `…` is anything. */
function patternOf(line: string): RegExp {
  const escaped = line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/ +/g, ' +').replace(/\d+/g, '\\d+').replaceAll('…', '.*')}$`);
}

/** What was to be printed and was not, in this order; a line of `…` is any number of lines. */
function missingOf(printed: readonly string[], wanted: readonly string[]): string | undefined {
  let at = 0;
  let gap = false;
  for (const line of wanted) {
    if (line.trim() === '…') {
      gap = true;
      continue;
    }
    const pattern = patternOf(line);
    while (gap && at < printed.length && !pattern.test(printed[at] as string)) at++;
    if (!pattern.test(printed[at] ?? '')) return line;
    at++;
    gap = false;
  }
  return gap || at === printed.length ? undefined : `nothing more than "${printed[at]}"`;
}

it(
  'docs/operators.md says what its commands print',
  withProcesses(180_000, async (workspace) => {
    const steps = stepsOf(readFileSync(join(ROOT, 'docs/operators.md'), 'utf8'));
    expect(steps.length).toBeGreaterThan(15);
    const weft = await AllInOne.create(workspace);
    await weft.started();
    const script = [
      `weft() { ${JSON.stringify(process.execPath)} ${join(ROOT, 'tools/run.mjs')} ${join(ROOT, 'apps/weft/src/main.ts')} "$@"; }`,
      ...steps.flatMap(({ command }, at) => [`echo '${MARK}${at}'`, command]),
    ];
    const file = join(workspace.directory, 'tour.sh');
    writeFileSync(file, `${script.join('\n')}\n`);
    const tour = workspace.start('tour', ['bash', file], { env: { WEFT_SERVER: weft.url, WEFT_DATA: weft.data } });
    await tour.exited;
    const outputs = workspace
      .logOf(tour)
      .split(new RegExp(`^${MARK}\\d+\\n`, 'm'))
      .slice(1);
    const wrong = steps.flatMap(({ command, printed }, at) => {
      const output = (outputs[at] ?? '').trimEnd();
      const missing = missingOf(output === '' ? [] : output.split('\n'), printed);
      return missing === undefined ? [] : [`$ ${command}\n${output}\n--- lacks: ${missing}`];
    });
    expect(wrong.join('\n\n')).toBe('');
  }),
  200_000,
);
