/** Runs the commands with each kubectl and writes what came out as docs/kubectl.md. */
import { weftDomains } from '@weft/service';
import { Kubectl, kubectlVersions, type Run } from '../kubectl.ts';
import { startSystem } from '../system.ts';
import { type Group, groups, type Step } from './commands.ts';
import { allKinds, applySetParent, filesFor } from './files.ts';

/** Groups that run at a time: a kubectl takes a fifth of a second of a core. */
const GROUPS_AT_ONCE = 3;
const LINES = 3;

/** Why the page cannot be made here; undefined when it can. */
export const missing: string | undefined = kubectlVersions.some(({ binary }) => binary === undefined)
  ? 'the binaries are not here; node tools/setup.mjs test fetches them'
  : undefined;

export async function kubectlPage(): Promise<string> {
  const answers = new Map<string, readonly string[]>();
  const system = await startSystem({ domains: weftDomains, config: { services: [] } });
  const homes = kubectlVersions.map(({ version, binary }) => ({ version, kubectl: new Kubectl(binary as string, system.url) }));
  try {
    for (const { version, kubectl } of homes) {
      for (const [name, text] of Object.entries(filesFor(labelOf(version)))) kubectl.file(name, text);
      // Discovery is cached from here on.
      await kubectl.ok(['api-resources']);
    }
    const runs = groups.flatMap((group, i) => homes.map(({ version, kubectl }) => ({ group, i, version, kubectl })));
    await Promise.all(
      Array.from({ length: GROUPS_AT_ONCE }, async () => {
        for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
          const { group, i, version, kubectl } = run;
          answers.set(`${i} ${version}`, await answersTo(group, `g${i}-${labelOf(version)}`, version, kubectl));
        }
      }),
    );
  } finally {
    for (const { kubectl } of homes) kubectl.remove();
    await system.stop();
  }
  const tables = groups.map(({ title, steps }, i) => {
    const rows = steps.flatMap(({ command }, at) => {
      if (command.startsWith('#')) return [];
      const [old, now] = kubectlVersions.map(({ version }) => answers.get(`${i} ${version}`)?.[at] ?? '');
      return [`| \`${command.replaceAll('|', '\\|')}\` | ${old} | ${old === now ? 'the same' : now} |`];
    });
    return [`## ${title}`, '', '| Command | kubectl 1.20 | kubectl 1.35 |', '|---|---|---|', ...rows].join('\n');
  });
  return `${HEAD}\n\n${tables.join('\n\n')}\n`;
}

const HEAD = `# kubectl

What kubectl prints against Weft, an old one and a new one. The page is made by running the commands (\`npm run kubectl -- --write\`); a test runs them again and fails when an answer
differs. Commands of one table run one after the other in a namespace of their own. Long answers are cut to the lines that matter, \`…\` stands for the others; what differs each time is
\`<age>\`, \`<time>\`, \`<id>\`, \`<version>\`. The manifests are in [files.ts](../apps/gateway/src/testing/kubectl-page/files.ts).`;

/** What client-go logs, with time and process. */
const LOG_LINE = /^[IWE]\d{4} /;

const labelOf = (version: string) => version.replace('.', '-');

async function answersTo({ steps }: Group, namespace: string, version: string, kubectl: Kubectl): Promise<readonly string[]> {
  await kubectl.ok(['create', 'namespace', namespace]);
  const uses = (file: string) => steps.some(({ command }) => command.includes(file));
  if (uses('set.yaml')) kubectl.file('set.yaml', applySetParent(namespace));
  if (uses('all.yaml')) kubectl.file('all.yaml', allKinds(labelOf(version), namespace));
  const answers: string[] = [];
  for (const step of steps) {
    if (step.newer === true && version === '1.20') answers.push('not in this version');
    else answers.push(cellOf(await carryOut(step, namespace, version, kubectl), step, namespace, version));
  }
  return answers;
}

async function carryOut({ command, until, meanwhile }: Step, namespace: string, version: string, kubectl: Kubectl): Promise<Run> {
  const words = (text: string) => ['-n', namespace, ...wordsOf(text.replace(/^# /, ''), namespace, version)];
  if (until === undefined) {
    const run = await kubectl.run(words(command), { env: { KUBE_EDITOR: 'sh editor.sh', KUBECTL_APPLYSET: 'true' } });
    if (command.startsWith('#') && run.exit !== 0) throw new Error(`${command} ended with ${run.exit}: ${run.err}${run.out}`);
    return run;
  }
  const running = kubectl.start(words(command));
  if (meanwhile !== undefined) {
    await running.shows('NAME');
    await kubectl.run(words(meanwhile));
  }
  await running.shows(until);
  return { ...(await running.interrupt()), exit: 0 };
}

/** `'…'` holds words together. The last `-n` counts, so a command may name another namespace. */
function wordsOf(command: string, namespace: string, version: string): string[] {
  const filled = command
    .replaceAll('<ns>', namespace)
    .replaceAll('<version>', labelOf(version))
    .replaceAll('<allowlist>', version === '1.20' ? '--prune-whitelist' : '--prune-allowlist');
  return [...filled.matchAll(/((?:[^\s']|'[^']*')+)/g)].map(([word]) => word.replaceAll("'", ''));
}

function cellOf({ exit, out, err }: Run, { lines = LINES, only }: Step, namespace: string, version: string): string {
  const all = `${out}${err}`
    .split('\n')
    .map((line) => steady(line, namespace, version))
    .filter((line) => line !== '' && !LOG_LINE.test(line));
  const wanted = only === undefined ? all : all.filter((line) => only.test(line));
  const shown = wanted.slice(0, lines);
  if (shown.length < wanted.length || (only !== undefined && wanted.length < all.length && shown.length > 0)) shown.push('…');
  const text = shown.map((line) => (line === '…' ? line : code(line)));
  return [...(exit === 0 ? [] : [`*exit ${exit}*`]), ...(text.length === 0 && exit === 0 ? ['nothing'] : text)].join('<br>');
}

const code = (line: string) => `\`${line.replaceAll('|', '\\|').replaceAll('`', "'")}\``;

/** Without what differs from run to run. */
function steady(line: string, namespace: string, version: string): string {
  return line
    .replaceAll(namespace, '<ns>')
    .replaceAll(`-${labelOf(version)}`, '-<version>')
    .replace(/\/tmp\/weft-kubectl-[^/ ]+\//g, '')
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, '<server>')
    .replace(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, '<time>')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
    .replace(/gen-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, 'gen-<id>')
    .replace(/(ironcore-net:\/\/\S+\/)\d+\/<id>/g, '$1<vni>/<id>')
    .replace(/(?<=\s)(\d+[smhd])+(?=\s|$)/g, '<age>')
    .replace(/\s{2,}/g, '  ')
    .trimEnd();
}
