/** What must hold for a kernel object before anything is written, and for what it refers to: the same for the Linux and the simulated driver. */
import { guestAddressProblem, guestNetnsProblem, guestTapProblem, isSingleAddress, maskedPrefix, parsePrefix } from '@weft/api';
import {
  type DriverFault,
  type EntryObject,
  entryProblem,
  type HostIdentity,
  type KernelObject,
  keyOf,
  overlapping,
  type PortObject,
  referencesOf,
  type Section,
  vniOfScope,
} from '@weft/fabric';
import type { Inventory } from './inventory.ts';
import { canonicalAddress, GATEWAY_MAC, isV4, labelOf, portDevice } from './names.ts';

/** Longest alias of a device (IFALIASZ) and comment of a set element, in bytes. */
const ALIAS_BYTES_MAX = 255;
const COMMENT_BYTES_MAX = 128;

/** Locally administered, one station; those of routers begin with 06. */
const NIC_MAC = /^(?!06)[0-9a-f][26ae](:[0-9a-f]{2}){5}$/;

/** Of a TAP device it says what the guest's end of a pair says otherwise. */
export function portLabel({ nic, position, up, netns, tap, mac, answers }: PortObject): string {
  const guest = tap === undefined ? { netns } : { tap, mac };
  return labelOf({ nic, pos: position, up: up ? '1' : '0', ...guest, ...(answers && { answers: '1' }) });
}

export function elementComment(port: Readonly<{ nic: string; position: string }>): string {
  return labelOf({ nic: port.nic, pos: port.position });
}

export function guardComment(position: string): string {
  return labelOf({ pos: position });
}

/** The object with its addresses canonical, or why it can never be programmed. */
export function checked(object: KernelObject, identity: HostIdentity, sections: ReadonlyMap<string, Section>): KernelObject | DriverFault {
  const fault = (detail: string): DriverFault => ({ key: keyOf(object), what: 'invalid', detail });
  if (!/^[0-9]{0,20}$/.test(object.position)) return fault(`position ${JSON.stringify(object.position)} is no decimal number`);
  if ('vni' in object && !(Number.isInteger(object.vni) && object.vni >= 1 && object.vni < 2 ** 24))
    return fault(`VNI ${object.vni} is no VNI`);
  if ('hostIndex' in object) {
    if (!(Number.isInteger(object.hostIndex) && object.hostIndex >= 0 && object.hostIndex < 2 ** 16))
      return fault(`host index ${object.hostIndex} is outside 0 to 65535`);
    // The kernel hands a packet to its own tunnel address over with the old route still attached: it would go round until its hop limit.
    if (object.hostIndex === identity.index) return fault('it names this host as a remote one');
  }
  switch (object.kind) {
    case 'router':
      return object;
    case 'peer':
    case 'guard': {
      const underlay = canonicalAddress(object.underlay);
      if (underlay === undefined) return fault(`${JSON.stringify(object.underlay)} is no underlay address`);
      if (object.kind === 'guard') return { ...object, underlay };
      if (isV4(underlay) !== isV4(identity.underlay)) return fault(`underlay ${underlay} is of another family than this host's`);
      if (underlay === canonicalAddress(identity.underlay)) return fault('its underlay address is this host’s own');
      return { ...object, underlay };
    }
    case 'route': {
      const address = tenantDestination(object.address);
      return address === undefined ? fault(`${JSON.stringify(object.address)} is no address of a NIC`) : { ...object, address };
    }
    case 'port': {
      if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(object.nic))
        return fault('its NIC is no UUID in lower case');
      if (!NIC_MAC.test(object.mac) || object.mac === GATEWAY_MAC) return fault(`${object.mac} is no MAC of a NIC`);
      const { netns, tap } = object;
      const problem = tap === undefined ? guestNetnsProblem(netns) : guestTapProblem(tap);
      if (problem !== undefined)
        return fault(tap === undefined ? `namespace ${JSON.stringify(netns)} ${problem}` : `its TAP device ${problem}`);
      if (tap !== undefined && netns !== '') return fault('a TAP device is in no namespace of a guest');
      if (portLabel(object).length > ALIAS_BYTES_MAX || elementComment(object).length > COMMENT_BYTES_MAX) {
        return fault('the name of its namespace is too long');
      }
      const ips = object.ips.map(tenantAddress);
      const bad = ips.indexOf(undefined);
      if (bad >= 0) return fault(`${JSON.stringify(object.ips[bad])} is no address of a NIC`);
      const prefixes = (object.prefixes ?? []).map(tenantDestination);
      const wrong = prefixes.indexOf(undefined);
      if (wrong >= 0) return fault(`${JSON.stringify(object.prefixes?.[wrong])} is no range for a NIC`);
      if (prefixes.length > 0 && ips.length === 0) return fault('a NIC without an address can have no ranges');
      const more = prefixes.length > 0 && { prefixes: [...new Set(prefixes as string[])] };
      return { ...object, ips: [...new Set(ips as string[])], ...more };
    }
    case 'entry': {
      const problem = entryProblem(object, sections.get(object.section)) ?? ownTunnel(object, identity);
      return problem === undefined ? object : fault(problem);
    }
  }
}

/** The kernel hands a packet to its own tunnel address over with the old route still attached. */
function ownTunnel({ section, value }: EntryObject, identity: HostIdentity): string | undefined {
  if (section !== 'tunnels') return undefined;
  const underlay = value.split(' ')[0] ?? '';
  if (isV4(underlay) !== isV4(identity.underlay)) return `underlay ${underlay} is of another family than this host's`;
  return underlay === canonicalAddress(identity.underlay) ? 'its underlay address is this host’s own' : undefined;
}

/** An address, or a range without host bits. */
function tenantDestination(text: string): string | undefined {
  if (!text.includes('/')) return tenantAddress(text);
  const prefix = parsePrefix(text);
  if (prefix === undefined || isSingleAddress(prefix) || prefix.length === 0) return undefined;
  const masked = maskedPrefix(prefix);
  return text === masked && guestAddressProblem(prefix.address) === undefined ? masked : undefined;
}

function tenantAddress(text: string): string | undefined {
  const address = canonicalAddress(text);
  return address === undefined || guestAddressProblem(address) !== undefined ? undefined : address;
}

/** Why `object` cannot be put, with what is there now. */
export function missingReference(object: KernelObject, there: Inventory): DriverFault | undefined {
  const fault = (what: DriverFault['what'], detail: string): DriverFault => ({ key: keyOf(object), what, detail });
  const lacking = (lacks: string, detail: string): DriverFault => ({ ...fault('missing-reference', detail), lacks });
  if (object.kind === 'router' || object.kind === 'guard') return undefined;
  if (object.kind === 'entry') {
    const missing = [`router/${vniOfScope(object.scope)}`, ...referencesOf(object)].find((key) => !there.has(key));
    return missing === undefined ? undefined : lacking(missing, `there is no ${missing}`);
  }
  const router = `router/${object.vni}`;
  if (!there.has(router)) return lacking(router, `network ${object.vni} has no router here`);
  if (object.kind === 'route') {
    const peer = `peer/${object.vni}/${object.hostIndex}`;
    return there.has(peer) ? undefined : lacking(peer, `network ${object.vni} knows no host ${object.hostIndex}`);
  }
  if (object.kind !== 'port') return undefined;
  const owner = there.portOfDevice(object.vni, portDevice(object.nic));
  if (owner !== undefined && owner !== keyOf(object)) return fault('invalid', `its device name is taken by ${owner}`);
  const tenant = there.portOfNetns(object.netns);
  return tenant !== undefined && tenant !== keyOf(object)
    ? fault('not-ours', `namespace ${object.netns} is the guest of ${tenant}`)
    : undefined;
}

/** Why the object of this key cannot go, with what remains. */
export function stillReferenced(key: string, there: Inventory): DriverFault | undefined {
  const users = there.usersOf(key);
  return users === 0 ? undefined : { key, what: 'still-referenced', detail: `${users} other object${users === 1 ? '' : 's'} need it` };
}

/** Why an entry of an interval section cannot be put beside these. O(others): the kernel finds it by itself. */
export function overlapFault(
  entry: EntryObject,
  sections: ReadonlyMap<string, Section>,
  others: Iterable<EntryObject>,
): DriverFault | undefined {
  const other = overlapping(entry, sections.get(entry.section), others);
  return other && { key: keyOf(entry), what: 'kernel', detail: `its range overlaps that of ${keyOf(other)}` };
}
