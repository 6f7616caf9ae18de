export { type Running, startAllInOne } from './all-in-one.ts';
export { type UpConfig, upConfig } from './configuration.ts';
export { type DirectoryLock, DirectoryLockedError, lockDirectory } from './directory-lock.ts';
export { startProcesses } from './processes.ts';
