/**
 * Notes which process made which namespace, so that none outlives its test run.
 *
 * Before a process makes namespaces, it writes their names (or patterns) into a file named by its pid and start time. A watchdog shell at the other
 * end of a pipe removes them all when this process ends in any way. If both are killed, the next run removes what the file of the dead process names.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = join(tmpdir(), 'weft-netlab');

/** Ticks since boot at which a process started: another process may have its pid by now. Undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Shell code that removes namespaces, and what answers guests in them: each line of its input is a name or a pattern (`*` at the end). Absent ones are ignored. */
const REMOVE = `while read -r name; do
  for pid in $(cat /run/weft/$name/*.pid 2>/dev/null); do
    if grep -q /run/weft/ "/proc/$pid/cmdline" 2>/dev/null; then kill -9 "$pid"; fi
  done
  rm -rf /run/weft/$name
  for file in /run/netns/$name; do
    if [ -e "$file" ]; then ip netns del "\${file##*/}" 2>/dev/null; fi
  done
done`;

let mine: Readonly<{ file: string; watchdog: ChildProcess }> | undefined;

/** Call before anything is made. `pattern`: a namespace's name, or its beginning and `*`. */
export function claim(pattern: string): void {
  if (!/^[A-Za-z0-9._-]+\*?$/.test(pattern) || /^weft(-|lab-|guest-)?\*$/.test(pattern)) throw new Error(`${pattern} claims too much`);
  mine ??= begin();
  appendFileSync(mine.file, `${pattern}\n`);
}

function begin() {
  mkdirSync(FOLDER, { recursive: true });
  sweep();
  const file = join(FOLDER, `${process.pid}-${startOf(process.pid)}`);
  appendFileSync(file, '');
  const script = `cat >/dev/null; ${REMOVE} < '${file}'; rm -f '${file}'`;
  // In a session of its own and without what marks a test run's processes: who ends the whole run must not end what removes its remains.
  const { TEST_RUN_TAG: _, ...env } = process.env;
  const watchdog = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env });
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void }).unref();
  return { file, watchdog };
}

/** Removes what processes have left that do not run any more. */
export function sweep(): void {
  for (const name of readdirSync(FOLDER)) {
    const [pid = '', start] = name.split('-');
    if (!/^\d+$/.test(pid) || startOf(Number(pid)) === start) continue;
    remove(readFileSync(join(FOLDER, name), 'utf8'));
    rmSync(join(FOLDER, name), { force: true });
  }
}

/** Removes what these patterns name, at once. */
export function removeNow(patterns: readonly string[]): void {
  remove(patterns.map((each) => `${each}\n`).join(''));
}

function remove(input: string): void {
  execFileSync('sh', ['-c', REMOVE], { input, stdio: ['pipe', 'ignore', 'ignore'] });
}
