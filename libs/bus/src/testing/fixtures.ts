/** For this package's tests: logs that are kept, conditions that are waited for, directories that vanish. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';
import type { BusLog } from '../log.ts';

export type KeptLog = BusLog & { readonly lines: { level: string; message: string; fields: object }[] };

export function keptLog(): KeptLog {
  const lines: KeptLog['lines'] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields });
  };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const PREFIX = 'weft-bus-test-';

/** A directory whose name carries our pid. Those of tests that were killed are removed. */
export function temporaryDirectory(): string {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : undefined;
    if (pid !== undefined && !isAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 3 });
  }
  return mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Stops a process of our own; resolves when none of its threads runs any more, which is some time after the signal. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const threads = () => readdirSync(`/proc/${pid}/task`);
  const isStopped = (thread: string) => {
    try {
      return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'));
    } catch {
      return false; // a thread that ends just now
    }
  };
  await until(`every thread of process ${pid} to be stopped`, () => threads().every(isStopped));
}

export function text(data: Uint8Array): string {
  return Buffer.from(data).toString('utf8');
}

export function bytes(value: string): Uint8Array {
  return Buffer.from(value, 'utf8');
}
