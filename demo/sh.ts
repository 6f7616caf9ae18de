/** Runs the system tools that the demo drives. */
import { spawn, spawnSync } from 'node:child_process';

export type Outcome = Readonly<{ code: number; out: string; err: string }>;

/** Thrown into whatever the demo is doing when it is interrupted. */
export class InterruptedError extends Error {}

let interrupted = false;
let breakOff = (_error: InterruptedError): void => {};
const interruption = new Promise<never>((_resolve, reject) => {
  breakOff = reject;
});
interruption.catch(() => {});

/** From now on nothing new is made, only removed. */
export function interrupt(): void {
  interrupted = true;
  breakOff(new InterruptedError('interrupted'));
}

/** Throws when the demo was interrupted. */
export function goOn(): void {
  if (interrupted) throw new InterruptedError('interrupted');
}

/** The work's outcome, or an InterruptedError. */
export function unlessInterrupted<T>(work: Promise<T>): Promise<T> {
  return Promise.race([work, interruption]);
}

/** Runs one command to its end; never throws for its exit code. In a group of its own, so that Ctrl-C breaks none in its middle. */
export function run(command: string, args: readonly string[], timeoutMs = 20_000): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, detached: true });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, out, err }));
  });
}

/** Runs one command that must succeed. Throws an InterruptedError instead of beginning. */
export async function must(command: string, ...args: string[]): Promise<string> {
  goOn();
  const outcome = await run(command, args);
  if (outcome.code !== 0) {
    goOn(); // The signal may have ended it as well.
    throw new Error(`${command} ${args.join(' ')}: ${outcome.err.trim() || outcome.out.trim() || `exit ${outcome.code}`}`);
  }
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
