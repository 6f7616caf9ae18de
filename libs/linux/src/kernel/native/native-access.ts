/**
 * A shorter way to the kernel: a child process that keeps sockets and contexts of nft open in the namespaces where there is something to do, in place of one tool
 * per namespace (one route 0.15 ms, of many 0.006 ms each; one transaction 0.25 ms; no process is started). What it cannot do it leaves to the tools, and everything
 * where it cannot run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Timers } from '@weft/api';
import { NETNS_DIRECTORY } from '../../objects/names.ts';
import { HOST, type KernelAccess, type LineFault } from '../kernel-access.ts';
import { type MessageGroup, messagesOf } from './rtnetlink.ts';

const PROGRAM = join(import.meta.dirname, 'native-kernel.mjs');
const ENV = { LC_ALL: 'C', HOME: '/dev/null', PATH: '' };
/** It keeps little. */
const MEMORY = ['--max-semi-space-size=1', '--max-old-space-size=96'];
/** Lines in one call of the child, which does one call at a time for all namespaces. */
const LINES_MAX = 1_024;
/** A child that dies so often is not started again. */
const DEATHS_MAX = 20;

/** This process's own namespace, and that of the child while it is in none of the others. */
const OWN = '/proc/self/ns/net';

type Place = Readonly<{ netns: string; inode: bigint }>;
type Fault = readonly [number: number, detail: string];
type Call =
  | (Place & Readonly<{ call: 'route'; groups: readonly MessageGroup[] }>)
  | (Place & Readonly<{ call: 'nft'; text: string }>)
  | Readonly<{ call: 'sysctl'; netns: string; values: readonly (readonly [string, string])[] }>
  | Readonly<{ call: 'forget'; netns: string }>;
type Answer = Readonly<{ result?: unknown; error?: string }>;
type Reply = Answer & Readonly<{ ready?: true; id?: number }>;

export type NativeOptions = Readonly<{ hostNetns?: string; callMsMax: number; timers: Timers }>;

export function nativeAccess(tools: KernelAccess, { hostNetns, callMsMax, timers }: NativeOptions): KernelAccess {
  const child = new NativeChild(callMsMax, timers);

  /** Undefined when there is no such namespace: the tools say so. */
  function placeOf(namespace: string): Place | undefined {
    const name = namespace === HOST ? hostNetns : namespace;
    if (name === undefined) return { netns: OWN, inode: 0n };
    const netns = `${NETNS_DIRECTORY}/${name}`;
    const inode = statSync(netns, { bigint: true, throwIfNoEntry: false })?.ino;
    return inode === undefined ? undefined : { netns, inode };
  }

  /** The child's way of `lines`, or undefined: then it has done nothing. */
  async function lines(tool: 'ip' | 'bridge', namespace: string, lines: readonly string[]): Promise<readonly LineFault[] | undefined> {
    const place = placeOf(namespace);
    if (place === undefined || !(await child.isUsable())) return undefined;
    if (lines.length > LINES_MAX && lines.some((line) => messagesOf(tool, [line]) === undefined)) return undefined;
    const faults: LineFault[] = [];
    for (let from = 0; from < lines.length; from += LINES_MAX) {
      const part = lines.slice(from, from + LINES_MAX);
      const groups = messagesOf(tool, part, from);
      if (groups === undefined) return undefined;
      const { result, error } = await child.call({ call: 'route', ...place, groups });
      if (error === undefined) faults.push(...(result as readonly Fault[]).map(([line, detail]) => ({ line, detail })));
      else faults.push(...part.map((_, at) => ({ line: from + at, detail: error })));
    }
    return faults;
  }

  return {
    ip: async (namespace, each) => (await lines('ip', namespace, each)) ?? tools.ip(namespace, each),
    bridge: async (namespace, each) => (await lines('bridge', namespace, each)) ?? tools.bridge(namespace, each),
    async ipOnce(namespace, sysctls, each) {
      const place = placeOf(namespace);
      if (place === undefined || messagesOf('ip', each) === undefined || !(await child.isUsable()))
        return tools.ipOnce(namespace, sysctls, each);
      const { error } = await child.call({ call: 'sysctl', netns: place.netns, values: sysctls });
      if (error !== undefined) return each.map((_, line) => ({ line, detail: error }));
      const faults = await lines('ip', namespace, each);
      child.forget(place.netns);
      return faults ?? tools.ipOnce(namespace, [], each);
    },
    async nft(namespace, transaction) {
      const place = placeOf(namespace);
      if (place === undefined || !(await child.isUsable())) return tools.nft(namespace, transaction);
      const { result, error } = await child.call({ call: 'nft', ...place, text: transaction });
      return error ?? (result as string | undefined);
    },
    shell: tools.shell,
    async forget(namespace) {
      const place = placeOf(namespace);
      await Promise.all([tools.forget(namespace), place && child.forget(place.netns)]);
    },
    async close() {
      await Promise.all([tools.close(), child.close()]);
    },
  };
}

/** Starts at the first call, and again at the next one after it died: what it was asked then is answered with an error. */
class NativeChild {
  readonly #callMsMax: number;
  readonly #timers: Timers;
  readonly #calls = new Map<number, (answer: Answer) => void>();
  #process: ChildProcess | undefined;
  /** False: it cannot run here, or died too often. */
  #ready: Promise<boolean> | undefined;
  #closed = false;
  #deaths = 0;
  #ids = 0;

  constructor(callMsMax: number, timers: Timers) {
    this.#callMsMax = callMsMax;
    this.#timers = timers;
  }

  isUsable(): Promise<boolean> {
    this.#ready ??= this.#start();
    return this.#ready;
  }

  /** Never rejects. */
  call(call: Call): Promise<Answer> {
    const child = this.#process;
    if (child === undefined) return Promise.resolve({ error: 'the kernel helper has ended' });
    const id = ++this.#ids;
    return new Promise((resolve) => {
      const timer = this.#timers.after(this.#callMsMax, () => child.kill('SIGKILL'));
      this.#calls.set(id, (answer) => {
        timer.cancel();
        this.#calls.delete(id);
        resolve(answer);
      });
      child.send({ id, ...call }, () => {}); // When it cannot be sent the child ends, which answers.
    });
  }

  async forget(netns: string): Promise<void> {
    if (this.#process !== undefined) await this.call({ call: 'forget', netns });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#process;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.disconnect();
    const timer = this.#timers.after(2_000, () => child.kill('SIGKILL'));
    await ended;
    timer.cancel();
  }

  #start(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    const child = spawn(process.execPath, [...MEMORY, PROGRAM], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: ENV,
    });
    this.#process = child;
    let lastWords = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-500);
    });
    return new Promise((resolve) => {
      let isReady = false;
      child.on('message', ({ ready, id, ...answer }: Reply) => {
        if (ready) resolve((isReady = true));
        else if (id !== undefined) this.#calls.get(id)?.(answer);
      });
      child.on('error', () => {
        if (child.pid !== undefined) return; // 'exit' follows.
        this.#process = undefined;
        resolve(false);
      });
      child.on('exit', (code, signal) => {
        this.#process = undefined;
        this.#deaths++;
        this.#ready = isReady && this.#deaths < DEATHS_MAX ? undefined : Promise.resolve(false);
        const error = `the kernel helper ended (${signal ?? code}) ${lastWords.trim()}`.trim();
        for (const answer of [...this.#calls.values()]) answer({ error });
        resolve(false);
      });
    });
  }
}
