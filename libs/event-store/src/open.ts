/** A store by its URL, which is all that the configuration knows of it. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStore } from './embedded/embedded-store.ts';
import { DATA_FILE } from './embedded/environment.ts';
import { InvalidArgumentError } from './errors.ts';
import { createMemoryStore } from './memory/memory-store.ts';
import type { EventStore } from './port.ts';
import type { Surroundings } from './store-identity.ts';
import { withoutPassword } from './without-password.ts';

export type OpenOptions = Surroundings;

/** What a URL says: `kind` by its scheme, and what follows the colon. */
function partsOf(url: string): Readonly<{ kind: 'embedded' | 'eventstoredb' | 'memory' | undefined; rest: string }> {
  const [, scheme = '', rest = ''] = /^([a-z]+)(?:\+discover)?:(.*)$/s.exec(url) ?? [];
  return { kind: KINDS[scheme], rest };
}

const KINDS: Readonly<Record<string, 'embedded' | 'eventstoredb' | 'memory'>> = {
  embedded: 'embedded',
  lmdb: 'embedded',
  esdb: 'eventstoredb',
  kurrentdb: 'eventstoredb',
  kdb: 'eventstoredb',
  memory: 'memory',
};

/**
 * `embedded:<directory>` or `lmdb:<directory>`, `esdb://…` or `kurrentdb://…` (also `+discover`), `memory:`.
 * Errors: InvalidArgumentError for another URL; DirectoryError and DamagedError (embedded); UnavailableError (EventStoreDB).
 */
export async function openEventStore(url: string, options: OpenOptions = {}): Promise<EventStore> {
  const { kind, rest } = partsOf(url);
  switch (kind) {
    case 'embedded':
      if (rest === '') throw new InvalidArgumentError(`event store URL "${url}" names no directory`);
      return openEmbeddedStore({ ...options, directory: rest });
    case 'eventstoredb':
      // Loaded only by those who use it: its client costs each start a quarter of a second.
      return (await import('./eventstoredb/eventstoredb-store.ts')).openEventStoreDb({ ...options, url });
    case 'memory':
      return createMemoryStore(options);
    default:
      throw new InvalidArgumentError(
        `event store URL "${withoutPassword(url)}" is none of embedded:<directory>, esdb://…, kurrentdb://…, memory:`,
      );
  }
}

/**
 * Whether two URLs name one log: a directory by any path to it, an EventStoreDB by a node in both. A node that goes by two names is not recognised.
 * Where it cannot be known yet (no such directory), they do not.
 */
export function nameSameLog(one: string, other: string): boolean {
  const [a, b] = [partsOf(one), partsOf(other)];
  if (a.kind !== b.kind) return false;
  if (a.kind === 'embedded') {
    const file = fileOf(a.rest);
    return file !== undefined && file === fileOf(b.rest);
  }
  return a.kind === 'eventstoredb' && nodesOf(a.rest).some((node) => nodesOf(b.rest).includes(node));
}

function fileOf(directory: string): string | undefined {
  try {
    const { dev, ino } = statSync(join(directory, DATA_FILE), { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

/** Of a node whose URL names none. */
const PORT = 2113;

/** `host:port` of each: `//user:password@one:2113,two?tls=false`. */
function nodesOf(rest: string): readonly string[] {
  const [authority = ''] = rest.replace(/^\/\//, '').split(/[/?#]/);
  return authority
    .slice(authority.lastIndexOf('@') + 1)
    .toLowerCase()
    .split(',')
    .map((node) => (/:\d+$/.test(node) ? node : `${node}:${PORT}`));
}
