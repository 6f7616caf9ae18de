/** Names the code that folds. Snapshots of other code are not used: an upgrade folds the log anew, once. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DomainModule, registry } from '@weft/api';
import { readByRows } from '@weft/fabric';

/** Tests and what they need do not fold. */
const NOT_BUILT = /\.(spec|contract)\.|\.d\.ts$|\.map$|[/\\](testing|e2e)[/\\]/;

/**
 * Follows from the files, sources or built ones, of the machinery, of the contexts of these domains, and of this folder, and from what rows read; of a program
 * that was bundled into one place, from all that lies there. Takes some 20 ms. Undefined when neither can be read: then there are no snapshots.
 */
export function foldVersion(domains: readonly DomainModule[]): string | undefined {
  const contexts = [...new Set(domains.map(({ context }) => context))].sort();
  const packages = () => ['api', ...contexts].map((name) => dirname(fileURLToPath(import.meta.resolve(`@weft/${name}`))));
  return versionOf(domains, () => [...packages(), import.meta.dirname]) ?? versionOf(domains, () => [dirname(process.argv[1] ?? '')]);
}

function versionOf(domains: readonly DomainModule[], foldersOf: () => readonly string[]): string | undefined {
  try {
    const hash = createHash('sha256');
    for (const folder of foldersOf()) addFolder(hash, folder);
    hash.update(readText(domains));
    return hash.digest('hex').slice(0, 32);
  } catch {
    return undefined; // They are not there.
  }
}

/** Of which kinds and ledgers a fold keeps where objects were once. */
function readText(domains: readonly DomainModule[]): string {
  const { kinds, ledgers } = readByRows(registry(domains));
  return JSON.stringify([[...kinds].sort(), [...ledgers].sort()]);
}

function addFolder(hash: ReturnType<typeof createHash>, folder: string): void {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).filter((path) => !NOT_BUILT.test(path));
  for (const path of paths.sort()) hash.update(path.slice(folder.length)).update('\0').update(readFileSync(path)).update('\0');
}
