/** From table names and rows as they travel to typed ones. A row of another shape (a projector of another version) decodes to undefined; nothing throws. */
import type { JsonObject, JsonValue } from '@weft/api';
import type { EndpointRow, HostRow, PlacementRow, TableName } from './rows.ts';

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

/** Inverse of the three above; undefined for a table of another projection. */
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
  if (row === undefined || !hasProvenance(row) || !isText(row['host']) || !isText(row['underlay'])) return undefined;
  return isNumber(row['index'], 0xffff) ? (row as unknown as HostRow) : undefined;
}

export function decodePlacementRow(row: JsonObject | undefined): PlacementRow | undefined {
  if (row === undefined || !hasProvenance(row) || !isNic(row) || !isNumber(row['vni'], 0xffffff)) return undefined;
  const { netns, placedAt, heldAt, namespace, name, network } = row;
  if (netns !== undefined && !isText(netns)) return undefined;
  if (![namespace, name, network].every(isText)) return undefined;
  return isPosition(placedAt) && isPosition(heldAt) ? (row as unknown as PlacementRow) : undefined;
}

export function decodeEndpointRow(row: JsonObject | undefined): EndpointRow | undefined {
  if (row === undefined || !hasProvenance(row) || !isNic(row) || !isText(row['host'])) return undefined;
  return row as unknown as EndpointRow;
}

function isNic(row: JsonObject): boolean {
  return isText(row['nic']) && isText(row['mac']) && isTexts(row['ips']);
}
function hasProvenance(row: JsonObject): boolean {
  return isPosition(row['position']) && isTexts(row['because']);
}
function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== '';
}
function isTexts(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.every(isText);
}
function isPosition(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && /^[0-9]+$/.test(value);
}
function isNumber(value: JsonValue | undefined, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}
