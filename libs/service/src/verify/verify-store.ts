/** Verifies what an event store holds, also while Weft runs on it: `verifyLog` of the log up to where it ends at the beginning. Nothing is written. */
import { type DomainModule, type Provider, registry } from '@weft/api';
import { liftingStore, verifyEmbeddedStore } from '@weft/event-store';
import type { StoreConfig } from '../runtime/configuration.ts';
import { openStore } from '../runtime/platform.ts';
import { type LogReport, verifyLog } from './verify-log.ts';

/** `damage`: why the store's own files cannot be believed; then nothing else is looked at. */
export type StoreReport = Readonly<{ storeId: string; log: LogReport } | { damage: string }>;

export type VerifyStoreOptions = Readonly<{
  config: StoreConfig;
  domains: readonly DomainModule[];
  /** Whose loops are asked what they owe. */
  provider: Provider;
  /** See VerifyOptions. */
  nowMs?: number;
  onProgress?: (what: 'files' | 'log', position: bigint) => void;
}>;

/** Throws what `openEventStore` throws for a store that cannot be opened, other than damage. */
export async function verifyStore({ config, domains, provider, nowMs, onProgress }: VerifyStoreOptions): Promise<StoreReport> {
  try {
    if (config.kind === 'embedded') {
      await verifyEmbeddedStore(config.directory, (position) => onProgress?.('files', BigInt(position)));
    }
    const kinds = registry(domains, { provider });
    const opened = await openStore(config);
    try {
      const store = liftingStore(opened, kinds);
      const log = await verifyLog({
        registry: kinds,
        pages: store.readAppendPages(),
        upTo: await store.head(),
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
