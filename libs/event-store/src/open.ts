/** A store by its URL, which is all that the configuration knows of it. */
import { openEmbeddedStore } from './embedded/embedded-store.ts';
import { InvalidArgumentError } from './errors.ts';
import { createMemoryStore } from './memory/memory-store.ts';
import type { EventStore } from './port.ts';
import type { Surroundings } from './store-identity.ts';
import { withoutPassword } from './without-password.ts';

export type OpenOptions = Surroundings;

/**
 * `embedded:<directory>` or `lmdb:<directory>`, `esdb://…` or `kurrentdb://…` (also `+discover`), `memory:`.
 * Errors: InvalidArgumentError for another URL; DirectoryError and DamagedError (embedded); UnavailableError (EventStoreDB).
 */
export async function openEventStore(url: string, options: OpenOptions = {}): Promise<EventStore> {
  const [, scheme, rest = ''] = /^([a-z]+)(?:\+discover)?:(.*)$/s.exec(url) ?? [];
  switch (scheme) {
    case 'embedded':
    case 'lmdb':
      if (rest === '') throw new InvalidArgumentError(`event store URL "${url}" names no directory`);
      return openEmbeddedStore({ ...options, directory: rest });
    case 'esdb':
    case 'kurrentdb':
    case 'kdb':
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
