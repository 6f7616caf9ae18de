/** Looks at the device that has the underlay address: without it this host reaches no other one, whatever its kernel holds. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UNDERLAY_MISSING } from '@weft/network';
import type { Trouble } from '../agent/control-plane.ts';

const run = promisify(execFile);
const EXEC_MS_MAX = 5_000;

/** `up`: it has a carrier, too. */
export type UnderlayLink = Readonly<{ device: string; mtu: number; up: boolean }>;

/** Undefined when no device has the address. Rejects when that cannot be told. `netns`: looks there. */
export async function lookAtUnderlay(netns: string | undefined, address: string): Promise<UnderlayLink | undefined> {
  const show = ['ip', '-j', 'address', 'show', 'to', address];
  const [program = '', ...args] = netns === undefined ? show : ['nsenter', `--net=/run/netns/${netns}`, ...show];
  const { stdout } = await run(program, args, { timeout: EXEC_MS_MAX });
  return linkOf(JSON.parse(stdout.trim() || '[]'));
}

type Link = Readonly<{ ifname?: string; mtu?: number; flags?: readonly string[]; addr_info?: readonly unknown[] }>;

/** Pure. Devices without the address are listed as empty objects by some versions of `ip`. */
export function linkOf(links: readonly Link[]): UnderlayLink | undefined {
  const link = links.find(({ ifname, addr_info = [] }) => ifname !== undefined && addr_info.length > 0);
  if (link === undefined) return undefined;
  const { ifname = '', mtu = 0, flags = [] } = link;
  return { device: ifname, mtu, up: flags.includes('UP') && !flags.includes('NO-CARRIER') };
}

/** Why other hosts cannot be reached from this device; undefined when nothing is known to be wrong. */
export function underlayTrouble(address: string, link: UnderlayLink | undefined): Trouble | undefined {
  if (link === undefined) return { reason: UNDERLAY_MISSING, message: `underlay address ${address} is on no device of this host` };
  return link.up ? undefined : { reason: 'UnderlayDown', message: `device ${link.device} of underlay address ${address} is down` };
}
