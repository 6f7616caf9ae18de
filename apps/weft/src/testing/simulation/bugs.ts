/** Deliberate bugs, one for each thing that the simulation is there to guard: `npm run sim -- --bugs` says at which step each of them is found. */

import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

/** `from` stands once in `file`, and becomes `to`. */
export type Bug = Readonly<{ name: string; what: string; file: string; from: string; to: string }>;

export const BUGS: readonly Bug[] = [
  {
    name: 'lease',
    what: 'a replica answers from memory though it could not prove its lease lately',
    file: 'libs/service/src/lease/lease-table.ts',
    from: 'return this.#alone || nowMs - this.#provenMs <= this.#timing.validMs;',
    to: 'return true;',
  },
  {
    name: 'idempotency',
    what: 'a request that comes again is decided again',
    file: 'libs/api/src/decide/decide-object.ts',
    from: 'requestId === context.requestId',
    to: 'false',
  },
  {
    name: 'gap',
    what: 'a host does not see that a message of a projector was lost',
    file: 'libs/bus/src/rows/progress-trail.ts',
    from: 'this.#known !== undefined && previous === this.#known.number',
    to: 'this.#known !== undefined && number > this.#known.number',
  },
  {
    name: 'quarantine',
    what: 'a number has rested though a host still holds it',
    file: 'libs/ipam/src/vni-pool/vni-pool.loops.ts',
    from: "facts.any(AnyHost, 'vni', vni) || ",
    to: '',
  },
  {
    name: 'address-quarantine',
    what: 'an address has rested though a host may still send to its former holder',
    file: 'libs/network/src/quarantine.ts',
    from: '!isReady(host) || hasLetGo(host, arg)',
    to: 'true',
  },
  {
    name: 'sweep',
    what: 'an agent takes what it knows for all that there is, and removes the rest',
    file: 'apps/dataplane-agent/src/rows/row-mirror.ts',
    from: 'if (!this.#queues.isIdle) return false;',
    to: 'return true;',
  },
  {
    name: 'trigger',
    what: 'a loop that has seen that there is nothing is not asked again when something comes',
    file: 'libs/derive/src/read.ts',
    from: 'this.#notes.any(index, value, has);',
    to: '',
  },
];

const ROUNDS_MAX = 3;

/** Looks for each bug with one seed after the other, and prints at which step it is found. Whether all are. */
export async function findBugs(seed: number, steps: number): Promise<boolean> {
  let all = true;
  for (const { name, what } of BUGS) {
    let found: string | undefined;
    for (let number = seed; found === undefined && number < seed + ROUNDS_MAX; number++) {
      const failure = /^ {2}step (\d+), .*/m.exec(
        await output(['--bug', name, '--seed', `${number}`, '--steps', `${steps}`, '--no-shrink']),
      );
      if (failure !== null) found = `seed ${number}, ${failure[0].trim().slice(0, 200)}`;
    }
    console.log(`${name} (${what}): ${found ?? `not found in ${ROUNDS_MAX} rounds of ${steps} steps`}`);
    all &&= found !== undefined;
  }
  return all;
}

/** Of a run of its own, since a bug stays in what was loaded. */
function output(args: readonly string[]): Promise<string> {
  const run = resolve(import.meta.dirname, '../../../../../tools/run.mjs');
  const child = spawn(process.execPath, [run, resolve(import.meta.dirname, 'main.ts'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', () => done(text));
  });
}
