/** Decodes table names and rows that came over the bus. A row of another shape (a projector of another version) gives undefined; nothing throws. */
import { type JsonObject, matches } from '@weft/api';
import { type EndpointRow, endpointRow, type HostRow, hostRow, type PlacementRow, placementRow, type TableName } from './rows.ts';

export type Table =
  | Readonly<{ kind: 'hosts' }>
  | Readonly<{ kind: 'placements'; host: string }>
  | Readonly<{ kind: 'endpoints'; vni: number }>;

export const hostsTable: TableName = 'hosts';
export function placementsTable(host: string): TableName {
  return `placements.${host}`;
}
export function endpointsTable(vni: number): TableName {
  return `endpoints.${vni}`;
}

/** The inverse of the three functions above; undefined for a table of another projection. */
export function parseTable(name: string): Table | undefined {
  if (name === hostsTable) return { kind: 'hosts' };
  const dot = name.indexOf('.');
  const rest = name.slice(dot + 1);
  if (dot < 0 || rest === '') return undefined;
  if (name.startsWith('placements.')) return { kind: 'placements', host: rest };
  if (name.startsWith('endpoints.') && /^[1-9][0-9]{0,7}$/.test(rest)) return { kind: 'endpoints', vni: Number(rest) };
  return undefined;
}

export function decodeHostRow(row: JsonObject | undefined): HostRow | undefined {
  return matches(hostRow, row) ? row : undefined;
}

export function decodePlacementRow(row: JsonObject | undefined): PlacementRow | undefined {
  return matches(placementRow, row) ? row : undefined;
}

export function decodeEndpointRow(row: JsonObject | undefined): EndpointRow | undefined {
  return matches(endpointRow, row) ? row : undefined;
}
