/**
 * A mount namespace of its own: network namespaces and file systems that are made in it have no name outside, cannot meet those of another Weft on
 * this machine (`weft-1-200` is everybody's first router), and are gone with the last process in it, however the test ends.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { until } from '@weft/testing/waiting';
import type { Started, Workspace } from './processes.ts';

const execute = promisify(execFile);

export class PrivateMounts {
  readonly #holder: Started;

  private constructor(holder: Started) {
    this.#holder = holder;
  }

  static async create(workspace: Workspace): Promise<PrivateMounts> {
    mkdirSync('/run/netns', { recursive: true });
    const script = 'mount -t tmpfs none /run/netns && echo ready && exec cat';
    const holder = workspace.start('mounts', ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script]);
    await until('the private mount namespace', () => workspace.logOf(holder).includes('ready'));
    return new PrivateMounts(holder);
  }

  /** Runs a command in here: `Workspace.start`'s wrapper. The process keeps its pid. */
  get wrapper(): readonly string[] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`, '--'];
  }

  /** Rejects with what the command said when it fails. */
  async run(...command: readonly string[]): Promise<string> {
    const [file = '', ...args] = [...this.wrapper, ...command];
    return (await execute(file, args, { timeout: 20_000 })).stdout;
  }

  /** A path in here, as the test sees it. */
  path(path: string): string {
    return `/proc/${this.#holder.pid}/root${path}`;
  }

  /** A network namespace in here, by a name that leads there from /run/netns outside. */
  netns(name: string): string {
    return `../..${this.path(`/run/netns/${name}`)}`;
  }

  namespaces(): readonly string[] {
    return readdirSync(this.path('/run/netns'));
  }
}
