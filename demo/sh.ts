/** Runs the system tools that the demo drives. */
import { spawn, spawnSync } from 'node:child_process';

export type Outcome = Readonly<{ code: number; out: string; err: string }>;

/** Runs one command to its end; never throws for its exit code. */
export function run(command: string, args: readonly string[], timeoutMs = 20_000): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, out, err }));
  });
}

/** Runs one command that must succeed. */
export async function must(command: string, ...args: string[]): Promise<string> {
  const outcome = await run(command, args);
  if (outcome.code !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${outcome.err.trim() || outcome.out.trim() || `exit ${outcome.code}`}`);
  return outcome.out;
}

/** Names of all network namespaces of this machine. */
export function namespaces(): string[] {
  const listed = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  return (listed.stdout ?? '')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '');
}
