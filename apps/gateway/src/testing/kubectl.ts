/** Runs real kubectl binaries, each run with a home and caches of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';

export const kubectlVersions = [
  { version: '1.20', binary: process.env['WEFT_TEST_KUBECTL_1_20'] },
  { version: '1.35', binary: process.env['WEFT_TEST_KUBECTL_1_35'] },
];

export type Run = Readonly<{ exit: number | null; out: string; err: string }>;

export interface Running {
  readonly out: string;
  /** Waits until the output holds a text. */
  shows(text: string): Promise<void>;
  readonly done: Promise<Run>;
  /** Ctrl-C. */
  interrupt(): Promise<Run>;
}

const RUN_MS_MAX = 60_000;

export class Kubectl {
  readonly #binary: string;
  readonly #home: string;
  readonly #url: string;
  readonly #children = new Set<ChildProcess>();

  constructor(binary: string, url: string) {
    this.#binary = binary;
    this.#url = url;
    this.#home = mkdtempSync(join(tmpdir(), `weft-kubectl-${process.pid}-`));
    this.file('config', '{"apiVersion":"v1","kind":"Config"}');
  }

  /** Writes a manifest and returns its path. */
  file(name: string, text: string): string {
    const path = join(this.#home, name);
    writeFileSync(path, text);
    return path;
  }

  /** Writes manifests into a directory of their own and returns its path. */
  directory(name: string, files: Readonly<Record<string, string>>): string {
    mkdirSync(join(this.#home, name));
    for (const [file, text] of Object.entries(files)) this.file(join(name, file), text);
    return join(this.#home, name);
  }

  async run(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Run> {
    const child = this.#spawn(args, options.env);
    child.stdin?.end(options.input ?? '');
    return finished(child);
  }

  /** As `run`; fails unless kubectl exits with 0. */
  async ok(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<string> {
    const { exit, out, err } = await this.run(args, options);
    if (exit !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${exit}: ${err}${out}`);
    return out;
  }

  start(args: readonly string[]): Running {
    const child = this.#spawn(args);
    child.stdin?.end();
    const done = finished(child);
    let out = '';
    child.stdout?.on('data', (chunk) => {
      out += chunk;
    });
    return {
      get out() {
        return out;
      },
      done,
      shows: async (text) => {
        await until(
          () => `kubectl ${args.join(' ')} to show "${text}" and not: ${out}`,
          () => out.includes(text),
        );
      },
      interrupt: () => {
        child.kill('SIGINT');
        return done;
      },
    };
  }

  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#home, { recursive: true, force: true });
  }

  #spawn(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const cache = join(this.#home, 'cache');
    const child = spawn(this.#binary, ['--server', this.#url, '--cache-dir', cache, ...args], {
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: this.#home,
        KUBECONFIG: join(this.#home, 'config'),
        KUBECTL_EXTERNAL_DIFF: 'diff -u -N',
        ...env,
      },
      cwd: this.#home,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.on('close', () => this.#children.delete(child));
    return child;
  }
}

function finished(child: ChildProcess): Promise<Run> {
  return new Promise((resolve, reject) => {
    let [out, err] = ['', ''];
    child.stdout?.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      err += chunk;
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${child.spawnargs.join(' ')}: not done after ${RUN_MS_MAX} ms; ${out}${err}`));
    }, RUN_MS_MAX);
    child.on('error', reject);
    child.on('close', (exit) => {
      clearTimeout(timer);
      resolve({ exit, out, err });
    });
  });
}
