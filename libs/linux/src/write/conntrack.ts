/** A successor with the same address, or the same ports of one, must not inherit the state of the one before it. */
import { bitsOf, canonicalIp, familyOfIp, holdsRange, type IpPrefix, type IpRange, parsePrefix, rangeOf } from '@weft/api';
import type { KernelAccess } from '../kernel/kernel-access.ts';
import { isV4 } from '../objects/names.ts';

/** Ports of an address, as answers come to them; identifiers of echo requests too. */
type Slice = Readonly<{ address: string; first: number; last: number }>;

/**
 * Forgets every tracked flow from or to these addresses and ranges, and those whose answers come to these ports of addresses, as `<address> . <first>-<last>`.
 * Looks first, so that the common case costs one listing.
 */
export async function clearConntrack(access: KernelAccess, namespace: string, ended: readonly string[]): Promise<void> {
  const isSlice = (text: string): boolean => text.includes(' . ');
  const slices = ended.filter(isSlice).map(sliceOf);
  const addresses = ended.filter((each) => !isSlice(each));
  const families = familiesOf([...addresses, ...slices.map(({ address }) => address)]);
  const isWanted = matcherOf(addresses);
  const deletions = new Set<string>();
  const look = (line: string): void => {
    for (const [, address = ''] of line.matchAll(/(?:src|dst)=(\S+)/g)) {
      if (!isWanted(address)) continue;
      for (const side of ['-s', '-d', '-r', '-q']) deletions.add(`-f ${isV4(address) ? 'ipv4' : 'ipv6'} ${side} ${address}`);
    }
    const flow = slices.length > 0 ? flowInSlices(line, slices) : undefined;
    if (flow !== undefined) deletions.add(flow);
  };
  let rest = '';
  await access.shell(namespace, ['exec 2>/dev/null', ...families.map((family) => `conntrack -L -f ${family}`)].join('; '), [], (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) look(line);
  });
  if (deletions.size === 0) return;
  // Exit code 1 only says that there was nothing to delete.
  await access.shell(
    namespace,
    'while read -r line; do $line; done',
    [...deletions].map((each) => `conntrack -D ${each}`),
  );
}

function familiesOf(addresses: readonly string[]): readonly string[] {
  return [addresses.some(isV4) ? 'ipv4' : '', addresses.some((each) => !isV4(each)) ? 'ipv6' : ''].filter(Boolean);
}

function matcherOf(addresses: readonly string[]): (address: string) => boolean {
  const wanted = new Set(addresses);
  const ranges = addresses.flatMap((each) => (each.includes('/') ? [rangeOf(parsePrefix(each) as IpPrefix)] : []));
  return (address) => {
    if (wanted.has(address)) return true;
    if (ranges.length === 0 || canonicalIp(address) === undefined) return false;
    return ranges.some((range) => holdsRange(range, only(address)));
  };
}

/** What deletes the flow of a line, if its answers come to one of the slices. */
function flowInSlices(line: string, slices: readonly Slice[]): string | undefined {
  const fields = [...line.matchAll(/\b(src|dst|sport|dport|id)=(\S+)/g)].map(([, name = '', value = '']) => [name, value] as const);
  const last = (name: string) => fields.findLast(([each]) => each === name)?.[1];
  const first = (name: string) => fields.find(([each]) => each === name)?.[1];
  const [address, port] = [last('dst'), last('dport') ?? last('id')];
  const found = slices.some((each) => each.address === address && each.first <= Number(port) && Number(port) <= each.last);
  if (!found || address === undefined) return undefined;
  const protocol = line.slice(0, line.indexOf(' '));
  const family = isV4(address) ? 'ipv4' : 'ipv6';
  if (last('dport') !== undefined) return `-f ${family} -p ${protocol} -q ${address} --reply-port-dst ${port}`;
  return `-f ${family} -p ${protocol} -s ${first('src')} --${protocol}-id ${first('id')}`;
}

function sliceOf(text: string): Slice {
  const [address = '', ports = ''] = text.split(' . ');
  const [first = '', last = first] = ports.split('-');
  return { address, first: Number(first), last: Number(last) };
}

function only(address: string): IpRange {
  const family = familyOfIp(address);
  return rangeOf({ address, family, length: bitsOf(family) });
}
