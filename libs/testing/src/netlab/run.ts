/** Short commands in network namespaces, for tests. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

export type Ran = Readonly<{ code: number; stdout: string; stderr: string }>;

const ENV = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const COMMAND_MS_MAX = 30_000;

/** Runs a command, in this process's own namespace if `netns` is undefined. Rejects when it cannot be started or does not end, not for an exit code. */
export function run(netns: string | undefined, command: readonly string[], input = ''): Promise<Ran> {
  const [file = '', ...args] = netns === undefined ? command : ['nsenter', `--net=/run/netns/${netns}`, '--', ...command];
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { env: ENV, maxBuffer: 64 * 2 ** 20, timeout: COMMAND_MS_MAX, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        if (error !== null && (typeof error.code === 'string' || error.killed)) reject(new Error(`${command.join(' ')}: ${error.message}`));
        else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** As `run`, but rejects with its output when the command fails. Resolves with the output. */
export async function must(netns: string | undefined, command: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await run(netns, command, input);
  if (code !== 0)
    throw new Error(
      `${command.join(' ')}${netns === undefined ? '' : ` in ${netns}`}: exit code ${code}: ${stderr.trim() || stdout.trim()}`,
    );
  return stdout;
}

/**
 * Resolves when the kernel has done what follows from the carrier of each device there, which it may put off for a second. A look at one device makes it do that
 * at once (`linkwatch_sync_dev` in `rtnl_getlink`).
 */
export async function linksSettled(netns: string): Promise<void> {
  const names = (await must(netns, ['ip', '-o', 'link', 'show'])).split('\n').flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? []);
  await run(netns, ['ip', '-force', '-batch', '-'], names.map((name) => `link show dev ${name}`).join('\n'));
}

/** Why this machine cannot test packets; undefined when it can. Tests that need a lab put it into the title of the skipped test. */
export function whyNoNetlab(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['ip', 'nft', 'nsenter', 'ping', 'conntrack'].filter(
    (tool) => !ENV.PATH.split(':').some((folder) => existsSync(`${folder}/${tool}`)),
  );
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}
