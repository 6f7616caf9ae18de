/** `npm run mutants`: what notices that a loop is not asked again when one of its reads has changed. How it works stands in docs/mutants.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { besideLoops } from './beside-loops.ts';
import { noticedIn, PAGE, pageOf } from './in-docs.ts';
import type { Killer } from './killers.ts';
import { needless } from './needless.ts';
import { mutants, tryMutant } from './try-mutants.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const OPTIONS = ['--all', '--write'];

const words = process.argv.slice(2);
const [unknown] = words.filter((word) => word.startsWith('--') && !OPTIONS.includes(word));
if (unknown !== undefined) {
  process.stderr.write(`npm run mutants knows parts of names, ${OPTIONS.join(' and ')}, and not ${unknown}\n`);
  process.exit(2);
}
const parts = words.filter((word) => !word.startsWith('--'));
const known = words.includes('--all') || !existsSync(PAGE) ? new Map<string, string>() : noticedIn(readFileSync(PAGE, 'utf8'));
const noticed = new Map<string, string>();
let survivors = 0;

for (const [name, killers] of mutants()) {
  const isWanted = parts.length === 0 ? !known.has(name) : parts.some((part) => name.includes(part));
  const by = isWanted ? whatNotices(name, killers) : known.get(name);
  if (isWanted) process.stdout.write(`${by === undefined ? 'SURVIVED' : 'noticed '}  ${name}  ${by ?? ''}\n`);
  if (by === undefined) survivors += isWanted ? 1 : 0;
  else noticed.set(name, by);
}
if (words.includes('--write')) writeFileSync(PAGE, pageOf(noticed));
process.stdout.write(
  survivors === 0 ? 'None has survived.\n' : `${survivors} have survived: write a story (stories.ts), or say why the read is needless.\n`,
);
process.exit(survivors === 0 ? 0 : 1);

function whatNotices(name: string, killers: readonly Killer[]): string | undefined {
  const reason = needless.get(name);
  const specs = besideLoops.get(name);
  const killed = tryMutant(name, killers);
  if (killed !== undefined && reason !== undefined) process.stdout.write(`strike it from needless.ts: ${killed.says}\n`);
  if (killed !== undefined) return killed.killer.name;
  if (reason !== undefined) return `nothing: ${reason}`;
  return specs !== undefined && failWithout(name, specs)
    ? `specs in ${specs
        .split(' ')
        .map((path) => `\`${path}\``)
        .join(', ')}`
    : undefined;
}

/** Whether tests fail without this read. */
function failWithout(name: string, paths: string): boolean {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'tools/test.mjs'), 'unit', ...paths.split(' ')], {
    env: { ...process.env, FORGET: name },
    stdio: 'ignore',
  });
  return status !== 0;
}
