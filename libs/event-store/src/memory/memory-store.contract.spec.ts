import { describeEventStoreContract } from '../testing/event-store.contract.ts';
import { createMemoryStore } from './memory-store.ts';

describeEventStoreContract('the in-memory store', { open: () => createMemoryStore() });
describeEventStoreContract('the in-memory store whose positions have gaps', { open: () => createMemoryStore({ positionStep: 7 }) });
