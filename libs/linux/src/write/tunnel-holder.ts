/** Who holds the VNI, or the port, that could not be had: looked up only after a refusal. Undefined: nothing in a named namespace. */
import { readdir } from 'node:fs/promises';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { canonicalAddress, NETNS_DIRECTORY } from '../objects/names.ts';

/** Namespaces looked into at most. */
const NAMESPACES_MAX = 256;

/**
 * VNIs are counted per creating namespace, and a device elsewhere does not show who made it: one that is bound to our underlay address counts as
 * made here.
 */
export async function tunnelHolder(
  access: KernelAccess,
  wanted: (set: TunnelSettings) => boolean,
  { own, underlay }: Readonly<{ own: string; underlay: string }>,
): Promise<string | undefined> {
  const named = await readdir(NETNS_DIRECTORY).catch(() => []);
  for (const namespace of [HOST, ...named.slice(0, NAMESPACES_MAX)]) {
    if (namespace === own) continue;
    const { output } = await access.shell(namespace, 'ip -j -d link show type vxlan');
    const line = output.split('\n').find((each) => each.startsWith('['));
    if (line === undefined) continue;
    const links = JSON.parse(line) as readonly { ifname?: string; linkinfo?: { info_data?: TunnelSettings } }[];
    const holder = links.find(({ linkinfo: { info_data: set } = {} }) => {
      const local = canonicalAddress(set?.local6 ?? set?.local ?? '');
      return set !== undefined && wanted(set) && (namespace === HOST || local === underlay);
    });
    if (holder !== undefined) return `device ${holder.ifname} in ${namespace === HOST ? 'the host’s namespace' : `namespace ${namespace}`}`;
  }
  return undefined;
}

export type TunnelSettings = Readonly<{
  id?: number;
  port?: number;
  local?: string;
  local6?: string;
  udp_zero_csum6_rx?: boolean;
  gbp?: boolean;
}>;
