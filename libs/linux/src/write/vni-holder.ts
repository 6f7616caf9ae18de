/** Who holds a VNI that could not be had: looked up only after a refusal. */
import { readdir } from 'node:fs/promises';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { NETNS_DIRECTORY } from '../objects/names.ts';

/** Namespaces looked into at most. */
const NAMESPACES_MAX = 256;

export async function holderOfVni(access: KernelAccess, vni: number, own: string): Promise<string> {
  const named = await readdir(NETNS_DIRECTORY).catch(() => []);
  for (const namespace of [HOST, ...named.slice(0, NAMESPACES_MAX)]) {
    if (namespace === own) continue;
    const { output } = await access.shell(namespace, 'ip -j -d link show type vxlan');
    const line = output.split('\n').find((each) => each.startsWith('['));
    if (line === undefined) continue;
    const links = JSON.parse(line) as readonly { ifname?: string; linkinfo?: { info_data?: { id?: number } } }[];
    const holder = links.find((link) => link.linkinfo?.info_data?.id === vni);
    if (holder !== undefined) return `device ${holder.ifname} in ${namespace === HOST ? 'the host’s namespace' : `namespace ${namespace}`}`;
  }
  return 'by a device in no named namespace';
}
