/** Real connections between guests, and with the internet: what passed, and what did not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { TALK } from './lab.ts';
import { say } from './progress.ts';
import { goOn, must } from './sh.ts';

/** What a server said to each of some connections, one after the other: `<its name> <the address that it saw>`, or why there was none. */
export async function ask(netns: string, address: string, port: number, times = 1, patienceMs = 2_000): Promise<string[]> {
  const out = await must('ip', 'netns', 'exec', netns, process.execPath, TALK, 'ask', address, `${port}`, `${times}`, `${patienceMs}`);
  return out.trim().split('\n');
}

/** Says what came out, beside what should; true when that is the same. */
export function judged(what: string, found: string, good: boolean): boolean {
  say(`  ${good ? 'ok   ' : 'WRONG'} ${what.padEnd(62)} ${found}`);
  return good;
}

/** A connection that goes on talking while things change. */
export type Held = Readonly<{ who: string; end(): Promise<{ sent: number; back: number; ended: string | null }> }>;

export async function hold(netns: string, address: string, port: number): Promise<Held> {
  goOn();
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, TALK, 'hold', address, `${port}`], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value ?? '';
  const closed = once(child, 'close');
  const who = await next();
  return {
    who,
    end: async () => {
      child.stdin.end();
      const told = JSON.parse(await next()) as { sent: number; back: number; ended: string | null };
      await closed;
      return told;
    },
  };
}
