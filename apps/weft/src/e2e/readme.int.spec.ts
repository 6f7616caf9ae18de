/** The tours of the README, command by command as they stand there, with a real kubectl: each prints what the README shows. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { until } from '@weft/testing/waiting';
import { AllInOne } from './all-in-one.ts';
import { Workspace } from './processes.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const TOURS = ['Five minutes with kubectl', 'A two-tier application'];
/** The README shows what this one prints. */
const kubectl = process.env['WEFT_TEST_KUBECTL_1_35'];

type Step = Readonly<{ command: string; shown: string }>;

/** The commands under a heading, each with what the README shows of its output. A here document goes to its end. */
function stepsOf(heading: string, page: string): readonly Step[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(heading)) ?? '';
  const steps: { command: string; shown: string }[] = [];
  for (const [, block = ''] of section.matchAll(/^```console\n(.*?)^```/gms)) {
    let isOpen = false;
    for (const line of block.trimEnd().split('\n')) {
      const step = steps.at(-1);
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), shown: '' });
      else if (step !== undefined && isOpen) step.command += `\n${line}`;
      else if (step !== undefined) step.shown += `${line}\n`;
      isOpen = line.startsWith('$ ') ? line.includes('<<EOF') : isOpen && line !== 'EOF';
    }
  }
  return steps.filter(({ command }) => !command.startsWith('alias '));
}

/** Without what differs from run to run: ages, uids, which public address of a pool, the machine's own address, and how wide columns are. */
function comparable(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uid>')
    .replaceAll(/\b[0-9]+(ms|s)\b/g, '<age>')
    .replaceAll(/203\.0\.113\.[0-9]+/g, '203.0.113.x')
    .replaceAll(/^(my-machine +)\S+/gm, '$1<underlay>')
    .replaceAll(/ +/g, ' ')
    .trim();
}

(kubectl === undefined ? describe.skip : describe)('The README, with kubectl', () => {
  let workspace: Workspace;
  let run: (command: string) => Promise<string>;

  beforeAll(async () => {
    workspace = new Workspace();
    const weft = await AllInOne.create(workspace);
    await weft.started({ env: { WEFT_HOST: 'my-machine' } });
    const wrapper = `#!/bin/sh\nexec '${kubectl}' --server='${weft.url}' --cache-dir='${workspace.directory}/cache' "$@"\n`;
    writeFileSync(join(workspace.directory, 'kubectl'), wrapper, { mode: 0o755 });
    const env = { PATH: [workspace.directory, process.env['PATH']].join(delimiter), HOME: workspace.directory };
    run = (command) =>
      new Promise((resolve, reject) => {
        let printed = '';
        const shell = spawn('bash', ['-c', command], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
        for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
        shell.on('error', reject).on('close', () => resolve(printed));
      });
  });
  afterAll(async () => {
    await workspace.close();
  });

  const page = readFileSync(join(ROOT, 'README.md'), 'utf8');
  it.each(TOURS)('prints what "%s" shows', async (heading) => {
    const steps = stepsOf(heading, page);
    expect(steps.length).toBeGreaterThan(3);
    for (const { command, shown } of steps) {
      const wanted = comparable(shown);
      let printed = comparable(await run(command));
      // What is asked for may take a moment; what changes something is done once.
      if (command.startsWith('kubectl get ') && printed !== wanted) {
        await until(`"${command}" to print what the README shows`, async () => {
          printed = comparable(await run(command));
          return printed === wanted;
        }).catch(() => {});
      }
      if (shown === '') expect([command, printed]).toEqual([command, expect.not.stringMatching(/error|invalid|refused/i)]);
      else expect([command, printed]).toEqual([command, wanted]);
    }
  });
});
