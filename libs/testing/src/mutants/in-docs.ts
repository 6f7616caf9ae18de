/** `docs/mutants.md`: each mutant that was tried, and what notices it. */
import { join } from 'node:path';
import { mutantFrom } from './mutant.ts';

export const PAGE = join(import.meta.dirname, '../../../../docs/mutants.md');

const INTRODUCTION = `# Mutants of control loops

A loop is asked again when what it has read has changed ([ADR 19](adr/0019-tracked-reads.md)). A mutant is one loop for which one of its reads is not noted: its value is given as before, and no change of it has the loop asked.
\`awaits X\` is what a loop awaits before it is asked at all. \`*\` stands for every kind and context that one line of code makes a loop for, or reads in turn.

Printed by \`npm run mutants -- --write\`, which tries what this page does not list yet; \`--all\` tries everything (two minutes); \`npm run mutants -- settle-interfaces\` the mutants of one loop. What notices a mutant is a *standby*: loops that are
asked all along, as in a replica without the lease, and that have to owe, after each change, what loops owe that are asked about everything anew. It looks at the tour (\`npm run graph\`), and reads small stories, the tour and random histories in other
orders, in which each stream keeps its own: so it sees states in which one thing alone differs. The tests do the same, with fewer orders. To see one for yourself:

\`\`\`console
$ FORGET='settle-interfaces: Host . unschedulable' ORDERS=40 npm run test:unit -- libs/testing/src/mutants
\`\`\`
`;

const LINE = /^\| `(.+?)` \| (.+?) \| (.+) \|$/;

/** By the name of the mutant. */
export type Noticed = ReadonlyMap<string, string>;

export function pageOf(noticed: Noticed): string {
  const lines = [...noticed]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, by]) => {
      const { loop, read } = mutantFrom(name);
      return `| \`${loop}\` | ${read} | ${by} |`;
    });
  return `${INTRODUCTION}\n| Loop | Without | Noticed by |\n|---|---|---|\n${lines.join('\n')}\n`;
}

export function noticedIn(page: string): Noticed {
  return new Map(
    page.split('\n').flatMap((line) => {
      const [, loop, read, by] = LINE.exec(line) ?? [];
      return by === undefined ? [] : [[`${loop}: ${read}`, by] as const];
    }),
  );
}
