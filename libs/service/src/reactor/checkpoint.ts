/** How far a context's reactions have run, outside the domain log (DESIGN 9.7). May be deleted at any time: reactions are idempotent by state. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Position } from '@weft/api';
import type { EventStore } from '@weft/event-store';

export type Checkpoint = Readonly<{
  position: Position;
  /** Id of the event at that position, '' for the start of the log. */
  eventId: string;
  /** Streams with an event that could not be handled: from there on they are run again. */
  parked: ReadonlyMap<string, Position>;
}>;

export const FROM_ZERO: Checkpoint = { position: 0n, eventId: '', parked: new Map() };

export function encodeCheckpoint(storeId: string, { position, eventId, parked }: Checkpoint): string {
  const entries = [...parked].map(([stream, at]) => [stream, at.toString()]);
  return JSON.stringify({ storeId, position: position.toString(), eventId, parked: Object.fromEntries(entries) });
}

/** Undefined for what is none, or another store's. */
export function decodeCheckpoint(storeId: string, text: string): Checkpoint | undefined {
  try {
    const value = JSON.parse(text) as { storeId: string; position: string; eventId: string; parked: Record<string, string> };
    if (value.storeId !== storeId || typeof value.eventId !== 'string') return undefined;
    const parked = new Map(Object.entries(value.parked).map(([stream, at]) => [stream, BigInt(at)]));
    return { position: BigInt(value.position), eventId: value.eventId, parked };
  } catch {
    return undefined;
  }
}

/** The checkpoint of the file if the log still holds its event there; else the start. Rejects when the store cannot be read. */
export async function readCheckpoint(file: string, store: EventStore): Promise<Checkpoint> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return FROM_ZERO;
  }
  const checkpoint = decodeCheckpoint(store.storeId, text);
  if (checkpoint === undefined) return FROM_ZERO;
  for await (const event of store.readAll({ direction: 'backwards', from: checkpoint.position, limit: 1 })) {
    if (event.position === checkpoint.position && event.id === checkpoint.eventId) return checkpoint;
  }
  return FROM_ZERO;
}

/** The old file or the new one, never half of one. */
export async function writeCheckpoint(file: string, storeId: string, checkpoint: Checkpoint): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}.new`;
  await writeFile(fresh, encodeCheckpoint(storeId, checkpoint));
  await rename(fresh, file);
}
