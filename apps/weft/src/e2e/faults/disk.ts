/** A disk of its own in a private mount namespace, which can be filled, and which fails for writing as a real one does when its file system is damaged. */
import { execFile } from 'node:child_process';
import { statfsSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PrivateMounts } from '../private-mounts.ts';

const execute = promisify(execFile);
const IMAGE_BYTES = 512 * 2 ** 20;

export class Disk {
  readonly directory: string;
  readonly #mounts: PrivateMounts;
  readonly #image: string;

  private constructor(mounts: PrivateMounts, directory: string, image: string) {
    this.#mounts = mounts;
    this.directory = directory;
    this.#image = image;
  }

  /** Mounted at `directory`. Rejects where no loop device can be had. */
  static async create(mounts: PrivateMounts, directory: string): Promise<Disk> {
    const image = `${directory}.img`;
    await mkdir(directory, { recursive: true });
    await execute('truncate', ['-s', `${IMAGE_BYTES}`, image]);
    await execute('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
    const disk = new Disk(mounts, directory, image);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await this.#mounts.run('mount', '-o', 'loop,errors=remount-ro', this.#image, this.directory);
  }

  /** Nothing may be open on it. What the file system noted as damaged is mended, as an operator would. */
  async mountAnew(): Promise<void> {
    await this.#mounts.run('umount', this.directory).catch(async (error: Error) => {
      const holders = await this.#mounts.run('sh', '-c', `grep -ls ' ${this.directory}/' /proc/[0-9]*/maps`).catch(() => '');
      throw new Error(`${error.message} held by ${holders.replaceAll('\n', ' ')}`);
    });
    await execute('e2fsck', ['-f', '-p', this.#image]).catch(({ code }: { code?: number }) => {
      if (code !== 1) throw new Error(`e2fsck says ${code}`); // 1: it mended something.
    });
    await this.mount();
  }

  /** Leaves a few kilobytes. */
  async fill(): Promise<void> {
    const { bavail, bsize } = statfsSync(this.#path('.'));
    for (let bytes = bavail * bsize; bytes >= bsize; bytes = Math.floor(bytes / 2)) {
      await this.#mounts.run('fallocate', '-l', `${bytes}`, join(this.directory, `ballast-${bytes}`)).catch(() => {}); // The next one is smaller.
    }
  }

  async free(): Promise<void> {
    await this.#mounts.run('sh', '-c', `rm -f ${this.directory}/ballast-*`);
  }

  /** As after an error of the hardware: the kernel takes no more writes, also from files that are open. */
  async becomeReadOnly(): Promise<void> {
    const device = (await this.#mounts.run('findmnt', '-no', 'SOURCE', this.directory)).trim().replace('/dev/', '');
    writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'test:faults');
  }

  #path(name: string): string {
    return this.#mounts.path(join(this.directory, name));
  }
}
