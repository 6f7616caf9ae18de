/**
 * What the demo makes on this machine, what it remembers of it, and how it is all removed again. It remembers that in the directory of its own where its
 * processes keep their data, so that both are there or neither.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf, isSameProcess, type ProcessIdentity } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { goOn, must, namespaces, run } from './sh.ts';

export type DemoHost = { host: string; netns: string; underlay: string };

/** Written before anything is made, so that a killed demo can be removed by the next one. */
export type LabState = {
  directory: string;
  /** Where the demo was run: another one there finds it. */
  from: string;
  http: string;
  processes: ProcessIdentity[];
  namespaces: string[];
  /** Their agents' namespaces are `weft-<index>-…`. */
  hostIndexes: number[];
};

const PREFIX = 'weft-demo-';
const STATE = 'demo.json';
const root = join(import.meta.dirname, '..');
export const TALK = join(import.meta.dirname, 'talk.mjs');

export function newLab(http: string): LabState {
  const directory = mkdtempSync(join(tmpdir(), PREFIX));
  const state = { directory, from: process.cwd(), http, processes: [], namespaces: [], hostIndexes: [] };
  save(state);
  return state;
}

/** What a demo that was run from this directory has made and not removed. */
export function savedLab(from = process.cwd()): LabState | undefined {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(PREFIX))) {
    const path = join(tmpdir(), name, STATE);
    const stat = statSync(path, { throwIfNoEntry: false });
    // Others may write to this directory as well, and what the file names is ended.
    if (stat === undefined || stat.uid !== process.getuid?.()) continue;
    const state = JSON.parse(readFileSync(path, 'utf8')) as LabState;
    if (state.from === from) return state;
  }
  return undefined;
}

export function save(state: LabState): void {
  const path = join(state.directory, STATE);
  writeFileSync(`${path}.new`, JSON.stringify(state, null, 2));
  renameSync(`${path}.new`, path);
}

/** One switch (a bridge in a namespace of its own) and three hosts on it, IPv6 underlay. */
export async function makeUnderlay(state: LabState): Promise<DemoHost[]> {
  const tag = `weftdemo-${process.pid}`;
  const wire = `${tag}-wire`;
  const hosts = [1, 2, 3].map((n) => ({ host: `host-${n}`, netns: `${tag}-host${n}`, underlay: `fd00:77::${n}` }));
  state.namespaces.push(wire, ...hosts.map(({ netns }) => netns));
  save(state);
  await must('ip', 'netns', 'add', wire);
  await must('ip', '-n', wire, 'link', 'add', 'br0', 'type', 'bridge');
  await must('ip', '-n', wire, 'link', 'set', 'br0', 'up', 'mtu', '1600');
  for (const { netns, underlay, host } of hosts) {
    await must('ip', 'netns', 'add', netns);
    await must('ip', '-n', netns, 'link', 'set', 'lo', 'up');
    await plugInto(wire, host, netns, 'eth0', 1_600);
    await must('ip', '-n', netns, 'addr', 'add', `${underlay}/64`, 'dev', 'eth0', 'nodad');
  }
  return hosts;
}

/** A device of a host, with its other end on the bridge `br0` of a namespace. */
export async function plugInto(wire: string, port: string, netns: string, device: string, mtu: number): Promise<void> {
  await must('ip', '-n', wire, 'link', 'add', port, 'mtu', `${mtu}`, 'type', 'veth', 'peer', 'name', device, 'netns', netns);
  await must('ip', '-n', wire, 'link', 'set', port, 'master', 'br0', 'up');
  await must('ip', '-n', netns, 'link', 'set', device, 'mtu', `${mtu}`, 'up');
}

/** A Weft process, which outlives the demo when that is kept. */
export function startProcess(state: LabState, name: string, args: readonly string[], env: Record<string, string>): void {
  start(state, name, [process.execPath, join(root, 'tools/run.mjs'), ...args], env);
}

/** A server of demo/talk.mjs in the namespace of a guest, or of the internet. */
export function startServer(state: LabState, name: string, netns: string, ports: readonly number[]): void {
  start(state, `serve-${name}`, ['ip', 'netns', 'exec', netns, process.execPath, TALK, 'serve', name, ...ports.map(String)], {});
}

/** In a group of its own, its output in the demo's directory. */
function start(state: LabState, name: string, [command = '', ...args]: readonly string[], env: Record<string, string>): void {
  goOn();
  const log = openSync(join(state.directory, `${name}.log`), 'a');
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !key.startsWith('WEFT_') || key === 'WEFT_NATS_SERVER'),
  );
  const child = spawn(command, args, {
    cwd: root,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...inherited, ...env },
  });
  child.unref();
  if (child.pid === undefined) throw new Error(`${name} did not start`);
  const started = identityOf(child.pid);
  if (started === undefined) throw new Error(`${name} ended at once`);
  state.processes.push(started);
  save(state);
}

export function logOf(state: LabState, name: string): string {
  const path = join(state.directory, `${name}.log`);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Ends the processes (agents first), then removes every namespace that the demo or its agents made. A repeat does nothing. */
export async function removeLab(state: LabState): Promise<void> {
  for (const started of [...state.processes].reverse()) {
    if (!isSameProcess(started)) continue;
    process.kill(-started.pid, 'SIGTERM');
    await until(`process ${started.pid} to end`, () => !isSameProcess(started), 10_000).catch(() => process.kill(-started.pid, 'SIGKILL'));
  }
  const present = new Set(namespaces());
  const routers = [...present].filter((name) => state.hostIndexes.some((index) => name.startsWith(`weft-${index}-`)));
  for (const name of routers) await run('ip', ['netns', 'del', name]);
  // Hosts last: deleting a namespace destroys the tunnels it created.
  for (const name of [...state.namespaces].reverse()) if (present.has(name)) await run('ip', ['netns', 'del', name]);
  rmSync(state.directory, { recursive: true, force: true, maxRetries: 3 });
}
