/** A successor with the same address must not inherit the state of the one before it. */
import type { KernelAccess } from '../kernel/kernel-access.ts';
import { isV4 } from '../objects/names.ts';

/** Forgets every tracked flow from or to these addresses. Looks first, so that the common case costs one listing. */
export async function clearConntrack(access: KernelAccess, namespace: string, addresses: readonly string[]): Promise<void> {
  const tracked = new Set<string>();
  const families = [addresses.some(isV4) ? 'ipv4' : '', addresses.some((each) => !isV4(each)) ? 'ipv6' : ''].filter(Boolean);
  const wanted = new Set(addresses);
  let rest = '';
  await access.shell(namespace, families.map((family) => `conntrack -L -f ${family}`).join('; '), [], (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines)
      for (const [, address] of line.matchAll(/(?:src|dst)=(\S+)/g)) if (wanted.has(address!)) tracked.add(address!);
  });
  if (tracked.size === 0) return;
  // Exit code 1 only says that there was nothing to delete.
  const deletions = [...tracked].flatMap((address) => {
    const family = isV4(address) ? 'ipv4' : 'ipv6';
    return ['-s', '-d', '-r', '-q'].map((side) => `conntrack -D -f ${family} ${side} ${address}`);
  });
  await access.shell(namespace, 'while read -r line; do $line; done', deletions);
}
