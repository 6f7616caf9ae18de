/** A disk of the simulation: files in memory, which outlive the processes that share them, and what becomes of them by hand or by a fault. */
import type { Disk, DiskFile } from '@weft/service';
import { below, type Random } from '@weft/testing';
import type { Faults } from './faults.ts';
import type { SimProcess } from './sim-process.ts';

const WAY_MS_MAX = 4;
/** Of former files, the last ones. */
const FORMER_MAX = 8;

export const DISK_FAULTS = ['deleted', 'truncated', 'changed', 'restored'] as const;
export type DiskFault = (typeof DISK_FAULTS)[number];

type File = { bytes: Buffer; changedMs: number };

export class SimDisk {
  readonly #faults: Faults;
  readonly #files = new Map<string, File>();
  /** Finished files, as they were when they got their names. */
  readonly #former: (readonly [path: string, file: File])[] = [];

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** As a process sees it. */
  of(process: SimProcess): Disk {
    const files = this.#files;
    const ask = <T>(what: string, work: () => T): Promise<T> =>
      process.ask(what, { thereMs: this.#faults.upTo(WAY_MS_MAX), backMs: 0 }, async () => work());
    const inDirectory = (directory: string) => [...files.keys()].filter((path) => path.startsWith(`${directory}/`));
    return {
      names: (directory) => ask('names of files', () => inDirectory(directory).map((path) => path.slice(directory.length + 1))),
      stat: (path) =>
        ask('look at a file', () => {
          const file = files.get(path);
          return file && { bytes: file.bytes.length, changedMs: file.changedMs };
        }),
      open: (path) => ask('open a file', () => this.#opened(path, process)),
      create: (path) =>
        ask('create a file', () => {
          if (files.has(path)) throw new Error(`${path} is there already`);
          this.#room();
          files.set(path, { bytes: Buffer.alloc(0), changedMs: process.clock.now().getTime() });
          return this.#opened(path, process);
        }),
      rename: (from, to) =>
        ask('rename a file', () => {
          const file = files.get(from);
          if (file === undefined) throw new Error(`${from} is not there`);
          files.delete(from);
          files.set(to, file);
          this.#faults.count('snapshot written');
          this.#former.push([to, { ...file }]);
          if (this.#former.length > FORMER_MAX) this.#former.shift();
        }),
      remove: (path) => ask('remove a file', () => void files.delete(path)),
    };
  }

  /** Does it to one of the files, or to all of them at once. */
  spoil(fault: DiskFault, random: Random): void {
    const all = [...this.#files];
    const [path, file] = all[below(random, all.length)] ?? [];
    if (path === undefined || file === undefined || file.bytes.length === 0) return;
    const at = below(random, file.bytes.length);
    this.#faults.count(`snapshot ${fault}`);
    if (fault === 'deleted') this.#files.delete(path);
    else if (fault === 'truncated') file.bytes = file.bytes.subarray(0, at);
    else if (fault === 'changed') file.bytes = Buffer.from(file.bytes.with(at, (file.bytes[at] as number) ^ (1 << below(random, 8))));
    else this.#restore(random);
  }

  /** As from a backup: what is there goes, and some of what was there before comes back. */
  #restore(random: Random): void {
    this.#files.clear();
    for (const [path, file] of this.#former.slice(0, 1 + below(random, this.#former.length))) this.#files.set(path, { ...file });
  }

  #room(): void {
    if (this.#faults.strikes('disk-full')) throw new Error('no space left on the disk');
  }

  /** It is the same file under whatever name, also after its name has gone. */
  #opened(path: string, process: SimProcess): DiskFile {
    const file = this.#files.get(path);
    if (file === undefined) throw new Error(`${path} is not there`);
    const ask = <T>(what: string, work: () => T): Promise<T> =>
      process.ask(what, { thereMs: this.#faults.upTo(WAY_MS_MAX), backMs: 0 }, async () => work());
    return {
      read: (at, length) => ask('read a file', () => file.bytes.subarray(at, at + length)),
      write: (at, bytes) =>
        ask('write a file', () => {
          this.#room();
          const grown = Buffer.alloc(Math.max(file.bytes.length, at + bytes.length));
          grown.set(file.bytes);
          grown.set(bytes, at);
          file.bytes = grown;
          file.changedMs = process.clock.now().getTime();
        }),
      sync: () => ask('sync a file', () => undefined),
      close: () => ask('close a file', () => undefined),
    };
  }
}
