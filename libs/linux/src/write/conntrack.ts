/** A successor with the same address must not inherit the state of the one before it. */
import { bitsOf, canonicalIp, familyOfIp, holdsRange, type IpPrefix, type IpRange, parsePrefix, rangeOf } from '@weft/api';
import type { KernelAccess } from '../kernel/kernel-access.ts';
import { isV4 } from '../objects/names.ts';

/** Forgets every tracked flow from or to these addresses and ranges. Looks first, so that the common case costs one listing. */
export async function clearConntrack(access: KernelAccess, namespace: string, addresses: readonly string[]): Promise<void> {
  const tracked = new Set<string>();
  const families = [addresses.some(isV4) ? 'ipv4' : '', addresses.some((each) => !isV4(each)) ? 'ipv6' : ''].filter(Boolean);
  const wanted = new Set(addresses);
  const ranges = addresses.flatMap((each) => (each.includes('/') ? [rangeOf(parsePrefix(each) as IpPrefix)] : []));
  const isWanted = (address: string): boolean => {
    if (wanted.has(address)) return true;
    if (ranges.length === 0 || canonicalIp(address) === undefined) return false;
    return ranges.some((range) => holdsRange(range, only(address)));
  };
  let rest = '';
  await access.shell(namespace, ['exec 2>/dev/null', ...families.map((family) => `conntrack -L -f ${family}`)].join('; '), [], (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) for (const [, address] of line.matchAll(/(?:src|dst)=(\S+)/g)) if (isWanted(address!)) tracked.add(address!);
  });
  if (tracked.size === 0) return;
  // Exit code 1 only says that there was nothing to delete.
  const deletions = [...tracked].flatMap((address) => {
    const family = isV4(address) ? 'ipv4' : 'ipv6';
    return ['-s', '-d', '-r', '-q'].map((side) => `conntrack -D -f ${family} ${side} ${address}`);
  });
  await access.shell(namespace, 'while read -r line; do $line; done', deletions);
}

function only(address: string): IpRange {
  const family = familyOfIp(address);
  return rangeOf({ address, family, length: bitsOf(family) });
}
