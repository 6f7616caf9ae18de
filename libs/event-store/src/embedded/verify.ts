/**
 * Checks an embedded log against itself. `checkTail` is what every start waits for, `checkBlocks` what runs behind it, `verify` is
 * everything, for a command.
 */
import type { RecordedEvent } from '@weft/api';
import type { DamagedError } from '../errors.ts';
import { blockHead, isIntact } from './block.codec.ts';
import type { EmbeddedLog } from './embedded-log.ts';
import { type Environment, logKey, positionOfKey } from './environment.ts';

/** Events whose every byte and index entry is checked at each start: about 50 ms. */
export const TAIL_EVENTS = 10_000;

export type Verified = Readonly<{ events: number; blocks: number; streams: number }>;

/** The head record against the last block, and the last events in full. Throws DamagedError. */
export function checkTail(env: Environment, log: EmbeddedLog, holdsEvents: boolean): void {
  const head = log.readHead();
  if (head.position === 0) {
    if (holdsEvents) throw log.damaged('there is no head record');
    return;
  }
  const last = lastBlockKey(env);
  if (last !== head.lastBlock)
    throw log.damaged(`the head record names position ${head.lastBlock} as its last block, the log ends with ${last}`);
  let key = head.lastBlock;
  let end = head.position;
  while (key > 0 && head.position - end < TAIL_EVENTS) {
    const block = log.block(key, false);
    if (key + block.length - 1 !== end) throw log.damaged(`position ${key + block.length} is missing`);
    for (const event of block) checkIndex(log, event);
    end = key - 1;
    key = end === 0 ? 0 : blockKeyAtOrBelow(env, end);
    if (end > 0 && key === 0) throw log.damaged(`position ${end} is missing`);
  }
}

/** Every checksum, and that no position is missing; yields between steps, so that the caller can pause and stop. */
export function* checkBlocks(env: Environment, log: EmbeddedLog, upTo: number): Generator<number, Verified, undefined> {
  let next = 1;
  let blocks = 0;
  while (next <= upTo) {
    const bytes = env.log.getBinary(logKey(next));
    const head = bytes === undefined ? undefined : blockHead(bytes);
    if (bytes === undefined || head === undefined || head.first !== next || head.count === 0)
      throw log.damaged(`position ${next} is missing`);
    if (!isIntact(bytes)) throw log.damaged(`position ${next} has a wrong checksum`);
    next += head.count;
    blocks++;
    yield next - 1;
  }
  return { events: next - 1, blocks, streams: log.readHead().streams };
}

/** Every event decoded, revisions without a gap, every index entry, times. Throws DamagedError at the first thing that is wrong. */
export function* verifyAll(log: EmbeddedLog, upTo: number): Generator<number, Verified, undefined> {
  const heads = new Map<string, bigint>();
  let next = 1;
  let blocks = 0;
  while (next <= upTo) {
    const block = log.block(next, false);
    for (const event of block) {
      const revision = (heads.get(event.stream) ?? -1n) + 1n;
      if (event.revision !== revision)
        throw log.damaged(`stream "${event.stream}" has revision ${event.revision} where ${revision} is due`);
      heads.set(event.stream, revision);
      checkIndex(log, event);
    }
    next += block.length;
    blocks++;
    yield next - 1;
  }
  for (const [stream, last] of heads) checkAppends(log, stream, Number(last));
  return { events: next - 1, blocks, streams: heads.size };
}

function checkIndex(log: EmbeddedLog, event: RecordedEvent): DamagedError | undefined {
  const number = log.streamNumber(event.stream);
  if (number === undefined) throw log.damaged(`stream "${event.stream}" is missing in the index`);
  if (BigInt(log.positionOf(number, Number(event.revision))) !== event.position) {
    throw log.damaged(`the index has another position for revision ${event.revision} of stream "${event.stream}"`);
  }
  return undefined;
}

/** The appends of a stream up to a revision that ends one: without a gap, none longer than it was. */
function checkAppends(log: EmbeddedLog, stream: string, last: number): void {
  let next = 0;
  for (const { revision, count } of log.appendsOf(stream)) {
    if (next > last) break; // Written since.
    if (revision !== next) throw log.damaged(`the index has an append at revision ${revision} of stream "${stream}" where ${next} is due`);
    next += count;
  }
  if (next !== last + 1) throw log.damaged(`the index ends stream "${stream}" with revision ${next - 1}, the log with ${last}`);
}

function lastBlockKey(env: Environment): number {
  for (const key of env.log.getKeys({ reverse: true, limit: 1 })) return positionOfKey(key);
  return 0;
}

function blockKeyAtOrBelow(env: Environment, position: number): number {
  for (const key of env.log.getKeys({ start: logKey(position), reverse: true, limit: 1 })) return positionOfKey(key);
  return 0;
}
