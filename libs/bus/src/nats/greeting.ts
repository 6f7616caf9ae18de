/** Asks a NATS server for its greeting, over a connection that we can end at any time. */
import { createConnection } from 'node:net';
import type { Timers } from '@weft/api';

export type Greeting = Readonly<{ server_id: string; server_name: string; version: string; max_payload: number }>;

const GREETING_BYTES_MAX = 64 * 1024;

/**
 * Resolves with the server's INFO. Rejects when nothing listens, something else answers, or nothing arrives within `timeoutMs` (the kernel
 * accepts connections also for a server that is stopped).
 */
export function readGreeting(host: string, port: number, timeoutMs: number, timers: Timers): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection({ host, port });
    const end = (outcome: () => void) => {
      timer.cancel();
      socket.removeAllListeners();
      socket.on('error', () => {}); // A reset after the end concerns nobody.
      socket.destroy();
      outcome();
    };
    const fail = (reason: string) => end(() => reject(new Error(reason)));
    const timer = timers.after(timeoutMs, () => fail(`no greeting from ${host}:${port} within ${timeoutMs} ms`));
    socket.on('error', (error) => fail(error.message || String(error)));
    socket.on('close', () => fail(`${host}:${port} closed the connection without a greeting`));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const line = text.indexOf('\r\n');
      if (line < 0) {
        if (text.length > GREETING_BYTES_MAX) fail(`${host}:${port} is no NATS server`);
        return;
      }
      const greeting = parseGreeting(text.slice(0, line));
      if (greeting === undefined) fail(`${host}:${port} is no NATS server`);
      else end(() => resolve(greeting));
    });
  });
}

function parseGreeting(line: string): Greeting | undefined {
  const json = /^INFO (\{.*\})\s*$/.exec(line)?.[1];
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json) as Greeting;
  } catch {
    return undefined;
  }
}
