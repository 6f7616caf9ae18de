export type { Clock, Follower, Ids, Logger, Part, Platform } from './platform.ts';
