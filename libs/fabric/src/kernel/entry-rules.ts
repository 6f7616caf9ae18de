/** What an entry must be before anything is written: the same for all drivers. */
import { canonicalIp, isSingleAddress, maskedPrefix, parsePrefix } from '@weft/api';
import { PUBLIC_VNI } from '../rows/rows.ts';
import { type EntryObject, routerScope, vniOfScope } from './kernel-objects.ts';
import { isPlain, isSingle, type NftType, overlap, partsOf, textOfParts } from './nft-types.ts';
import { hostOfNextHop } from './router-names.ts';
import type { NftSection, Section, TableSection } from './sections.ts';

/** Why it can never be programmed; undefined when it can. A key or value that is right but written in another way is wrong: it would be read back as another. */
export function entryProblem(entry: EntryObject, section: Section | undefined): string | undefined {
  if (vniOfScope(entry.scope) === undefined) return `there is no scope ${JSON.stringify(entry.scope)}`;
  if (section === undefined) return `there is no section ${JSON.stringify(entry.section)}`;
  if (section.kind === 'nft' && (section.isPublic === true) !== (entry.scope === routerScope(PUBLIC_VNI)))
    return `section ${section.name} is not in ${entry.scope}`;
  if (section.kind === 'nft') return nftProblem(entry, section);
  return tableProblem(entry, section.kind);
}

/** Another entry that it may not be there with. O(others). */
export function overlapping(entry: EntryObject, section: Section | undefined, others: Iterable<EntryObject>): EntryObject | undefined {
  if (section?.kind !== 'nft' || section.interval !== true) return undefined;
  const parts = partsOf(section.key, entry.key) ?? [];
  for (const other of others) {
    if (other.scope !== entry.scope || other.section !== entry.section || other.key === entry.key) continue;
    if (overlap(parts, partsOf(section.key, other.key) ?? [])) return other;
  }
  return undefined;
}

/** What it refers to beside the router of its scope: keys of entries there, and of other routers. */
export function referencesOf(entry: EntryObject): readonly string[] {
  const { scope, section, key, value } = entry;
  if (section === 'wires') return [`router/${key}`];
  const device = deviceOf(entry);
  const wire = device?.startsWith('q') === true ? [`entry/${scope}/wires/${device.slice(1)}`] : [];
  if (!isRoute(section)) return wire;
  const hop = value.split(' ')[0] ?? '';
  const vni = vniOfScope(scope) ?? 0;
  const host = device === 'vx' ? hostOfNextHop(vni, hop) : undefined;
  return [...wire, host ? `peer/${vni}/${host}` : `entry/${scope}/neighbours/${device} ${hop}`];
}

/** The device that a neighbour or a route is on. */
export function deviceOf({ section, key, value }: Pick<EntryObject, 'section' | 'key' | 'value'>): string | undefined {
  return section === 'neighbours' ? key.split(' ')[0] : isRoute(section) ? value.split(' ')[1] : undefined;
}

function isRoute(section: string): boolean {
  return section === 'routes' || section === 'here_routes';
}

function nftProblem({ key, value }: EntryObject, section: NftSection): string | undefined {
  return (
    partsProblem('key', key, section.key, section.interval === true) ??
    (section.value === undefined
      ? value === ''
        ? undefined
        : 'a set has no values'
      : partsProblem('value', value, section.value, section.ranges === true))
  );
}

function partsProblem(what: 'key' | 'value', text: string, types: readonly NftType[], interval: boolean): string | undefined {
  if (isPlain(types, text)) return undefined;
  const parts = partsOf(types, text);
  if (parts === undefined) return `its ${what} ${JSON.stringify(text)} is no ${types.join(' . ')}`;
  if (!interval && !parts.every(isSingle)) return `its ${what} ${JSON.stringify(text)} has a range, and the section none`;
  return canonical(what, text, textOfParts(parts));
}

function tableProblem({ scope, key, value }: EntryObject, kind: TableSection['kind']): string | undefined {
  const isVni = (text = ''): boolean => /^[1-9][0-9]{0,7}$/.test(text) && Number(text) < 2 ** 24;
  const [first = '', second, ...more] = (kind === 'neighbours' ? key : value).split(' ');
  switch (kind) {
    case 'wires':
      return isVni(key) && key !== scope.slice(1) && value === '' ? undefined : `${JSON.stringify(key)} is no other network`;
    case 'neighbours':
      if (!isDevice(first) || second === undefined || more.length > 0 || !isMac(value)) return `${key} at ${value} is no neighbour`;
      return canonical('key', key, `${first} ${canonicalIp(second)}`);
    case 'tunnels':
      if (!isMac(key) || !isVni(second) || more.length > 0) return `${key} to ${JSON.stringify(value)} is no way through the tunnel`;
      return canonical('value', value, `${canonicalIp(first)} ${second}`);
    case 'here_routes':
    case 'routes': {
      if (kind === 'here_routes' && scope !== routerScope(PUBLIC_VNI)) return `there are no routes of this kind in ${scope}`;
      const prefix = parsePrefix(key.includes('/') ? key : `${key}/${key.includes(':') ? 128 : 32}`);
      if (prefix === undefined || !isDevice(second) || more.length > 0) return `${key} by ${JSON.stringify(value)} is no route`;
      const masked = maskedPrefix(prefix);
      const destination = isSingleAddress(prefix) ? masked.slice(0, masked.indexOf('/')) : masked;
      return canonical('key', key, destination) ?? canonical('value', value, `${canonicalIp(first)} ${second}`);
    }
  }
}

function isDevice(text = ''): boolean {
  return text === 'vx' || /^q[1-9][0-9]{0,7}$/.test(text);
}

function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text);
}

function canonical(what: 'key' | 'value', text: string, wanted: string): string | undefined {
  return text === wanted ? undefined : `its ${what} ${JSON.stringify(text)} has to be written as ${JSON.stringify(wanted)}`;
}
