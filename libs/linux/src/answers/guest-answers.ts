/**
 * Answers to DHCP and router solicitations of guests: one dnsmasq and one radvd in each router with guests that get any (ADR 70). They go on without the agent, as what
 * the kernel holds does; one that starts finds them by their pid files, and what they were told by the name of what they read. They end with the last such port, or
 * with the router. One that has died is seen by a read, and by a look every few seconds.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { mkdir, open, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { matches, type Timers } from '@weft/api';
import { NETNS_DIRECTORY, routerNamespace, vniOfNamespace } from '../objects/names.ts';
import { type AnsweredPort, type AnswerFiles, type Answers, answerFiles, answersShape } from './answer-files.ts';

const DIRECTORY = '/run/weft';
const PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];
const PROGRAMS = {
  dnsmasq: { package: 'dnsmasq-base', args: (conf: string, pid: string) => ['-k', '-C', conf, '-x', pid] },
  radvd: { package: 'radvd', args: (conf: string, pid: string) => ['-n', '-C', conf, '-p', pid, '-m', 'stderr'] },
} as const;
type Program = keyof typeof PROGRAMS;
const PROGRAM_NAMES = Object.keys(PROGRAMS) as readonly Program[];
/** How long one may take to start, and to be gone. */
const START_MS_MAX = 10_000;
const GONE_MS_MAX = 2_000;
const LOOK_MS = 5;

export type GuestAnswersOptions = Readonly<{
  hostIndex: number;
  /** Canonical. */
  dns: readonly string[];
  timers: Timers;
  /** Where programs are looked for; absent: where a system has them. */
  paths?: readonly string[];
}>;

export class GuestAnswers {
  readonly #options: GuestAnswersOptions;
  /** By network: what its guests are to be told. Only networks with some. */
  readonly #wanted = new Map<number, Answers>();
  /** Networks of which more is known than what runs: a read that began before does not count. */
  readonly #known = new Set<number>();

  constructor(options: GuestAnswersOptions) {
    this.#options = options;
  }

  /** Networks with guests that get answers. */
  get vnis(): Iterable<number> {
    return this.#wanted.keys();
  }

  /** What is told to guests of a network at present, by device; nothing when any of it does not run. */
  async told(vni: number): Promise<ReadonlyMap<string, string>> {
    const answers = await this.#running(vni);
    if (answers === undefined) return new Map();
    if (!this.#known.has(vni)) this.#wanted.set(vni, answers);
    return new Map(answers.ports.map((port) => [port.device, textOfPort(port, answers)]));
  }

  /** What is to be told to the guest of a port. */
  textOf(port: AnsweredPort, mtu: number): string {
    return textOfPort(port, { mtu, dns: this.#options.dns });
  }

  /** These ports get answers, and those with these devices get none any more. Why that cannot be, or undefined. */
  async change(vni: number, mtu: number, put: readonly AnsweredPort[], gone: Iterable<string>): Promise<string | undefined> {
    this.#known.add(vni);
    const ports = new Map(this.#wanted.get(vni)?.ports.map((port) => [port.device, port]));
    const before = ports.size;
    for (const device of gone) ports.delete(device);
    if (put.length === 0 && ports.size === before) return undefined;
    for (const port of put) ports.set(port.device, port);
    if (ports.size === 0) return void (await this.stop(vni));
    const sorted = [...ports.values()].sort((a, b) => (a.device < b.device ? -1 : 1));
    this.#wanted.set(vni, { mtu, dns: this.#options.dns, ports: sorted });
    return this.revive(vni);
  }

  /** Starts what should run and does not. */
  async revive(vni: number): Promise<string | undefined> {
    const wanted = this.#wanted.get(vni);
    if (wanted === undefined || (await this.#runs(vni, wanted))) return undefined;
    const files = answerFiles(wanted);
    for (const program of PROGRAM_NAMES) {
      if (files[program] !== undefined && this.#file(program) === undefined)
        return `${program}, which answers DHCP and router solicitations of guests, is not on this host: apt-get install ${PROGRAMS[program].package}`;
    }
    await this.#end(vni);
    const folder = this.#folder(vni);
    await mkdir(folder, { recursive: true });
    const name = nameOf(files);
    await writeFile(join(folder, `${name}.json`), JSON.stringify(wanted));
    for (const program of PROGRAM_NAMES) {
      const text = files[program];
      if (text === undefined) continue;
      const conf = join(folder, `${name}.${program}`);
      await writeFile(conf, text);
      const said = await this.#start(vni, program, conf, join(folder, `${program}.pid`));
      if (said !== undefined) return `${program} for guests of network ${vni} does not start: ${said}`;
    }
    return undefined;
  }

  /** Nobody in this network gets answers any more. */
  async stop(vni: number): Promise<void> {
    this.#known.add(vni);
    this.#wanted.delete(vni);
    await this.#end(vni);
  }

  /** Ends what answers in networks of this host that have no router any more. */
  async sweep(routers: ReadonlySet<number>): Promise<void> {
    for (const name of await readdir(DIRECTORY).catch(() => [] as string[])) {
      const vni = vniOfNamespace(this.#options.hostIndex, name);
      if (vni !== undefined && !routers.has(vni)) await this.stop(vni);
    }
  }

  #file(program: Program): string | undefined {
    return (this.#options.paths ?? PATHS).map((path) => join(path, program)).find(isExecutable);
  }

  #namespace(vni: number): string {
    return routerNamespace(this.#options.hostIndex, vni);
  }
  #folder(vni: number): string {
    return join(DIRECTORY, this.#namespace(vni));
  }

  async #runs(vni: number, wanted: Answers): Promise<boolean> {
    const running = await this.#running(vni);
    return running !== undefined && JSON.stringify(running) === JSON.stringify(wanted);
  }

  /** What all programs of a network that run were told, if they were told the same. */
  async #running(vni: number): Promise<Answers | undefined> {
    const folder = this.#folder(vni);
    const conf = await this.#confOf(vni, 'dnsmasq');
    if (conf === undefined) return undefined;
    const name = conf.slice(0, -'.dnsmasq'.length);
    const answers = await answersIn(`${name}.json`);
    const files = answers && answerFiles(answers);
    if (files === undefined || join(folder, nameOf(files)) !== name) return undefined; // Of another version.
    if (files.radvd !== undefined && (await this.#confOf(vni, 'radvd')) !== `${name}.radvd`) return undefined;
    return answers;
  }

  /** What the running program has read; undefined when it does not run, or in a former router. */
  async #confOf(vni: number, program: Program): Promise<string | undefined> {
    const pid = await this.#pidOf(vni, program);
    if (pid === undefined) return undefined;
    const [args, place, netns] = await Promise.all([
      argsOf(pid),
      readlink(`/proc/${pid}/ns/net`).catch(() => ''),
      stat(`${NETNS_DIRECTORY}/${this.#namespace(vni)}`).then(
        ({ ino }) => `net:[${ino}]`,
        () => undefined,
      ),
    ]);
    return place === netns ? args[args.indexOf('-C') + 1] : undefined;
  }

  /** Of a process that is one of ours. */
  async #pidOf(vni: number, program: Program): Promise<number | undefined> {
    const folder = this.#folder(vni);
    const pid = Number(await readFile(join(folder, `${program}.pid`), 'utf8').catch(() => ''));
    if (!(Number.isInteger(pid) && pid > 1)) return undefined;
    return (await argsOf(pid)).some((arg) => arg.startsWith(`${folder}/`)) ? pid : undefined;
  }

  /** By SIGKILL: radvd would tell guests that their router goes. */
  async #end(vni: number): Promise<void> {
    for (const program of PROGRAM_NAMES) {
      const pid = await this.#pidOf(vni, program);
      if (pid === undefined) continue;
      kill(pid);
      for (let waitedMs = 0; waitedMs < GONE_MS_MAX && (await argsOf(pid)).length > 0; waitedMs += LOOK_MS)
        await this.#options.timers.pause(LOOK_MS);
    }
    await rm(this.#folder(vni), { recursive: true, force: true });
  }

  /** What it says when it does not start. It stays a child, so that it is buried, but outlives the agent. */
  async #start(vni: number, program: Program, conf: string, pidFile: string): Promise<string | undefined> {
    const command = [this.#file(program) ?? program, ...PROGRAMS[program].args(conf, pidFile)];
    const words = await open(`${conf}.log`, 'w');
    const child = spawn('nsenter', [`--net=${NETNS_DIRECTORY}/${this.#namespace(vni)}`, '--', ...command], {
      stdio: ['ignore', 'ignore', words.fd],
      detached: true,
      cwd: '/',
      env: { PATH: PATHS.join(':'), LC_ALL: 'C' },
    });
    child.unref();
    let end: string | undefined;
    child.on('error', (error) => (end = error.message));
    child.on('exit', (code, signal) => (end = `it ended (${signal ?? code})`));
    await words.close();
    for (let waitedMs = 0; end === undefined && waitedMs < START_MS_MAX; waitedMs += LOOK_MS) {
      if (
        await readFile(pidFile, 'utf8').then(
          (text) => text.trim() !== '',
          () => false,
        )
      )
        return undefined;
      await this.#options.timers.pause(LOOK_MS);
    }
    const said = (await readFile(`${conf}.log`, 'utf8')).trim().slice(-500);
    return [said, end ?? `it is not ready after ${START_MS_MAX} ms`].filter(Boolean).join('; ');
  }
}

/** Undefined for what this version cannot have written. */
async function answersIn(file: string): Promise<Answers | undefined> {
  try {
    const answers: unknown = JSON.parse(await readFile(file, 'utf8'));
    return matches(answersShape, answers) ? answers : undefined;
  } catch {
    return undefined;
  }
}

function nameOf({ dnsmasq, radvd = '' }: AnswerFiles): string {
  return createHash('sha256').update(dnsmasq).update(radvd).digest('hex').slice(0, 16);
}

function textOfPort({ device, mac, ips }: AnsweredPort, { mtu, dns }: Pick<Answers, 'mtu' | 'dns'>): string {
  return [device, mac, [...ips].sort().join(), mtu, dns.join()].join(' ');
}

/** Of a process that lives; a dead one that nobody has waited for has none. */
async function argsOf(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').filter(Boolean);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
