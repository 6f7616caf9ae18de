/** Another version of this repository, as a directory of its own in which its programs run. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../../../..');
const PACKAGES = 'node_modules';

/**
 * Writes what a revision of git has into a directory that is not there yet. Packages are shared by hard links where both versions want the same ones, else that
 * version's own setup installs them.
 */
export function copyOf(revision: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  const archive = execFileSync('git', ['-C', ROOT, 'archive', revision], { maxBuffer: 256 * 2 ** 20 });
  execFileSync('tar', ['-x', '-C', directory], { input: archive });
  const lock = 'package-lock.json';
  if (!readFileSync(join(ROOT, lock)).equals(readFileSync(join(directory, lock)))) {
    execFileSync(process.execPath, [join(directory, 'tools/setup.mjs'), 'start'], { stdio: 'inherit' });
    return;
  }
  const parts = ['', ...['apps', 'libs'].flatMap((folder) => readdirSync(join(directory, folder)).map((name) => join(folder, name)))];
  for (const part of parts) {
    const packages = join(ROOT, part, PACKAGES);
    // Links to packages of the workspace stay as they are, and so lead into the copy.
    if (existsSync(packages)) execFileSync('cp', ['-al', packages, join(directory, part, PACKAGES)]);
  }
}
