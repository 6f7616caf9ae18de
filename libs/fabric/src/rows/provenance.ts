import { isSingleAddress, parsePrefix, sameJson } from '@weft/api';
import type { EndpointRow, Row } from './rows.ts';

/** An event behind a row. */
export type RowCause = Readonly<{ position: bigint; eventId: string }>;

/** The highest position, and the ids of the events in position order. `causes` must be distinct, oldest first. */
export function provenance(causes: readonly RowCause[]): Readonly<{ position: string; because: string[] }> {
  return { position: (causes.at(-1)?.position ?? 0n).toString(), because: causes.map(({ eventId }) => eventId) };
}

/** For oracles: the same causes, each once, oldest first. */
export function inOrder(found: readonly RowCause[]): readonly RowCause[] {
  const events = new Map(found.map((cause) => [cause.eventId, cause]));
  return [...events.values()].sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0));
}

/** A row, or what stands for one that is not understood. */
export type Positioned = Pick<Row, 'position'>;

export function sameRow(a: Positioned, b: Positioned): boolean {
  return a === b || (a.position === b.position && sameJson(a, b));
}

/** What a host keeps of the events behind a row: their highest position. */
export function causesOf({ position }: Positioned): readonly RowCause[] {
  return [{ position: BigInt(position), eventId: '' }];
}

/** Where packets for a NIC go: its addresses, and the ranges that are routed to it, each once. A range of one address is written as that. */
export function destinationsOf({ ips, prefixes }: Pick<EndpointRow, 'ips' | 'prefixes'>): readonly string[] {
  if (prefixes === undefined || prefixes.length === 0) return ips;
  const ranges = prefixes.flatMap((text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined) return [];
    return isSingleAddress(prefix) ? prefix.address : text;
  });
  return [...new Set([...ips, ...ranges])];
}
