// Where setup keeps what it fetches: inside node_modules, so that removing node_modules removes it all.
import { delimiter, dirname, join } from 'node:path';

export const root = dirname(dirname(import.meta.dirname));
export const cache = join(root, 'node_modules/.cache/weft');
/** Fetched tools that are called by name: first in PATH for whatever the scripts start. */
export const cachedBin = join(cache, 'bin');
export const kubectls = { '1.20': join(cache, 'kubectl-1.20/kubectl'), 1.35: join(cache, 'kubectl-1.35/kubectl') };

/** Folders searched for tools. Debian's /usr/sbin is not in everybody's PATH. */
export const searchPath = [cachedBin, ...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(
  (folder, index, all) => folder !== '' && all.indexOf(folder) === index,
);
