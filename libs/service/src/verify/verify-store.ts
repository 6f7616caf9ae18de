/** Verifies what an event store holds, also while Weft runs on it: `verifyLog` of the log up to where it ends at the beginning. Nothing is written. */
import { createFold, type DomainModule, type Fold, type Provider, type Registry, registry, systemClock, systemRandom } from '@weft/api';
import { type EventStore, liftingStore, verifyEmbeddedStore } from '@weft/event-store';
import { readByRows } from '@weft/fabric';
import type { Logger } from '../platform.ts';
import type { StoreConfig } from '../runtime/configuration.ts';
import { openStore, systemIds } from '../runtime/platform.ts';
import { FoldSnapshots } from '../snapshots/fold-snapshots.ts';
import { foldVersion } from '../snapshots/fold-version.ts';
import { type LogReport, verifyLog } from './verify-log.ts';

/** `damage`: why the store's own files cannot be believed; then nothing else is looked at. */
export type StoreReport = Readonly<{ storeId: string; log: LogReport } | { damage: string }>;

export type VerifyStoreOptions = Readonly<{
  config: StoreConfig;
  /** Directory of snapshots of the fold: the one that a start would begin with is compared with the log. */
  snapshots?: string;
  domains: readonly DomainModule[];
  /** Whose loops are asked what they owe. */
  provider: Provider;
  /** See VerifyOptions. */
  nowMs?: number;
  onProgress?: (what: 'files' | 'log', position: bigint) => void;
}>;

/** Throws what `openEventStore` throws for a store that cannot be opened, other than damage. */
export async function verifyStore({ config, snapshots, domains, provider, nowMs, onProgress }: VerifyStoreOptions): Promise<StoreReport> {
  try {
    if (config.kind === 'embedded') {
      await verifyEmbeddedStore(config.directory, (position) => onProgress?.('files', BigInt(position)));
    }
    const kinds = registry(domains, { provider });
    const opened = await openStore(config, { readOnly: true });
    try {
      const store = liftingStore(opened, kinds);
      const upTo = await store.head();
      const snapshot = snapshots === undefined ? undefined : await snapshotOf(snapshots, domains, store, kinds);
      const log = await verifyLog({
        registry: kinds,
        pages: store.readAppendPages(),
        upTo,
        ...(snapshot && { snapshot }),
        ...(nowMs !== undefined && { nowMs }),
        onProgress: (position) => onProgress?.('log', position),
      });
      return { storeId: store.storeId, log };
    } finally {
      await opened.close();
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'Damaged') return { damage: (error as Error).message };
    throw error;
  }
}

const NO_LOG: Logger = { debug() {}, info() {}, warn() {}, error() {} };

async function snapshotOf(
  directory: string,
  domains: readonly DomainModule[],
  store: EventStore,
  kinds: Registry,
): Promise<Fold | undefined> {
  const version = foldVersion(domains);
  if (version === undefined) return undefined;
  const looking = { keepsAll: true, clock: systemClock, ids: systemIds, random: systemRandom, log: NO_LOG };
  const snapshots = new FoldSnapshots({ ...looking, directory, version, store, registry: kinds });
  return snapshots.load(() => createFold(kinds, { followed: readByRows(kinds) }));
}
