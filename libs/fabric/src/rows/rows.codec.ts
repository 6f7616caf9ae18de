/** Decodes table names and rows that came over the bus. A row of another shape (a projector of another version) gives undefined; nothing throws. */
import { type JsonObject, matches } from '@weft/api';
import { NAT_TABLE } from '@weft/lb';
import {
  type BalancerRow,
  balancerRow,
  type EdgeRow,
  type EndpointRow,
  edgeRow,
  endpointRow,
  type HostRow,
  hostRow,
  type ImportRow,
  importRow,
  type MemberRow,
  memberRow,
  type NatRow,
  NETWORK_TABLES,
  type NetworkTable,
  natRow,
  type PeeringRow,
  type PlacementRow,
  type PolicyRow,
  type PublicTargetRow,
  type PublicVirtualIpRow,
  peeringRow,
  placementRow,
  policyRow,
  publicTargetRow,
  publicVirtualIpRow,
  type TableName,
  type TargetRow,
  targetRow,
  type VirtualIpRow,
  virtualIpRow,
} from './rows.ts';

export type Table =
  | Readonly<{ kind: 'hosts' | 'edges' | 'nat' }>
  | Readonly<{ kind: 'placements' | 'imports'; host: string }>
  | Readonly<{ kind: NetworkTable; vni: number }>;

export const hostsTable = 'hosts';
export const edgesTable = 'edges';
export function placementsTable(host: string): TableName {
  return `placements.${host}`;
}
export function importsTable(host: string): TableName {
  return `imports.${host}`;
}
export function endpointsTable(vni: number): TableName {
  return `endpoints.${vni}`;
}
export function policiesTable(vni: number): TableName {
  return `policies.${vni}`;
}
export const policyKey = (uid: string): string => `policy/${uid}`;
export const memberKey = (uid: string): string => `member/${uid}`;

export function peeringsTable(vni: number): TableName {
  return `peerings.${vni}`;
}

/** The inverse of these names; undefined for a table that this version does not know. */
export function parseTable(name: string): Table | undefined {
  if (name === hostsTable || name === edgesTable || name === NAT_TABLE) return { kind: name };
  const dot = name.indexOf('.');
  const rest = name.slice(dot + 1);
  if (dot < 0 || rest === '') return undefined;
  const kind = name.slice(0, dot);
  if (kind === 'placements' || kind === 'imports') return { kind, host: rest };
  return isNetworkTable(kind) && /^[1-9][0-9]{0,7}$/.test(rest) ? { kind, vni: Number(rest) } : undefined;
}

function isNetworkTable(kind: string): kind is NetworkTable {
  return Object.hasOwn(NETWORK_TABLES, kind);
}

export function decodeHostRow(row: JsonObject | undefined): HostRow | undefined {
  return matches(hostRow, row) ? row : undefined;
}

export function decodeEdgeRow(row: JsonObject | undefined): EdgeRow | undefined {
  return matches(edgeRow, row) ? row : undefined;
}

export function decodePlacementRow(row: JsonObject | undefined): PlacementRow | undefined {
  return matches(placementRow, row) ? row : undefined;
}

export function decodeEndpointRow(row: JsonObject | undefined): EndpointRow | undefined {
  return matches(endpointRow, row) ? row : undefined;
}

export function decodePeeringRow(row: JsonObject | undefined): PeeringRow | undefined {
  return matches(peeringRow, row) ? row : undefined;
}

export function decodeImportRow(row: JsonObject | undefined): ImportRow | undefined {
  return matches(importRow, row) ? row : undefined;
}

export function decodeBalancerRow(row: JsonObject | undefined): BalancerRow | undefined {
  return matches(balancerRow, row) ? row : undefined;
}

export function decodeTargetRow(row: JsonObject | undefined): TargetRow | undefined {
  return matches(targetRow, row) ? row : undefined;
}

export function decodePublicTargetRow(row: JsonObject | undefined): PublicTargetRow | undefined {
  return matches(publicTargetRow, row) ? row : undefined;
}

export function decodeVirtualIpRow(row: JsonObject | undefined): VirtualIpRow | undefined {
  return matches(virtualIpRow, row) ? row : undefined;
}

export function decodePublicVirtualIpRow(row: JsonObject | undefined): PublicVirtualIpRow | undefined {
  return matches(publicVirtualIpRow, row) ? row : undefined;
}

export function decodeNatRow(row: JsonObject | undefined): NatRow | undefined {
  return matches(natRow, row) ? row : undefined;
}

export function decodePolicyRow(row: JsonObject | undefined): PolicyRow | undefined {
  return matches(policyRow, row) ? row : undefined;
}

export function decodeMemberRow(row: JsonObject | undefined): MemberRow | undefined {
  return matches(memberRow, row) ? row : undefined;
}

/** Rows of `policies.<vni>`, of either kind. */
