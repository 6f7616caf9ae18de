/** Distinguishes a process from a later one that got the same pid. Linux only: elsewhere no process is recognised, hence none is ended. */
import { readdirSync, readFileSync } from 'node:fs';

export type ProcessIdentity = Readonly<{ pid: number; bootId: string; startTicks: string }>;

/** Undefined when the process is gone (or a zombie), or the system does not show it. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold spaces and parentheses itself. Behind it: state, then 19 numbers, the last of which is the start time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
    return { pid, bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), startTicks };
  } catch {
    return undefined;
  }
}

export function isSameProcess(then: ProcessIdentity): boolean {
  const now = identityOf(then.pid);
  return now !== undefined && now.bootId === then.bootId && now.startTicks === then.startTicks;
}

/** Processes that were started with exactly these arguments (whatever the program's path). */
export function processesWithArguments(args: readonly string[]): ProcessIdentity[] {
  const wanted = args.join('\0');
  let entries: string[];
  try {
    entries = readdirSync('/proc');
  } catch {
    return [];
  }
  return entries
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const line = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
        if (line.slice(line.indexOf('\0') + 1).replace(/\0$/, '') !== wanted) return [];
      } catch {
        return []; // It ended meanwhile.
      }
      return identityOf(Number(entry)) ?? [];
    });
}
