import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEventStoreContract } from '../testing/event-store.contract.ts';
import { openEmbeddedStore } from './embedded-store.ts';

let directory = '';
describeEventStoreContract('the embedded store', {
  open: async () => {
    directory = await mkdtemp(join(tmpdir(), 'weft-store-'));
    return openEmbeddedStore({ directory });
  },
  openAgain: () => openEmbeddedStore({ directory }),
  remove: () => rm(directory, { recursive: true }),
});
