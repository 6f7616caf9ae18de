export { forgetReads, onRead, type ReadOf } from './forget-reads.ts';
export { onSoleWaking } from './sole-wakings.ts';
