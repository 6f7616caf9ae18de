/**
 * Types of the parts of nft keys and values, as entries write them: one canonical text for one value, which is also what is made of nft's own listing. A part
 * of an interval section may be a prefix (addresses) or `first-last` (numbers).
 */
import { bitsOf, canonicalIp, familyOfIp, type IpFamily, ipOfNumber, maskedPrefix, numberOfIp, parsePrefix, rangeOf } from '@weft/api';

/** What a part stands for: both ends inclusive. */
export type Span = Readonly<{ text: string; first: bigint; last: bigint }>;
type PartOf = (text: string) => Span | undefined;

const PROTOCOLS: Readonly<Record<string, bigint>> = { icmp: 1n, tcp: 6n, udp: 17n, 'ipv6-icmp': 58n, sctp: 132n };
const NAMES_OF_PROTOCOLS = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name]));

const TYPES = {
  ipv4_addr: remembered(address('IPv4')),
  ipv6_addr: remembered(address('IPv6')),
  ether_addr: only(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, (text) => BigInt(`0x${text.replaceAll(':', '')}`)),
  ifname: only(/^[A-Za-z0-9_.-]{1,15}$/, textNumber),
  inet_service: numbers(16),
  inet_proto: protocol,
  mark: numbers(32),
  /** Of `meta priority`: `<major>:<minor>`, hexadecimal without leading zeros. */
  classid: only(/^(0|[1-9a-f][0-9a-f]{0,3}):(0|[1-9a-f][0-9a-f]{0,3})$/, (text) => {
    const [major = '', minor = ''] = text.split(':');
    return BigInt(Number.parseInt(major, 16) * 0x10000 + Number.parseInt(minor, 16));
  }),
  verdict: only(/^(accept|drop|(goto|jump) [a-z][A-Za-z0-9_-]{0,63})$/, textNumber),
} as const satisfies Readonly<Record<string, PartOf>>;

export type NftType = keyof typeof TYPES;

const OCTET = '(?:0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])';
/** Texts of which it shows at once that they are canonical and stand for one value. Of others nothing is said. */
const PLAIN: Readonly<Partial<Record<NftType, RegExp>>> = {
  ipv4_addr: new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`),
  ifname: /^[A-Za-z0-9_.-]{1,15}$/,
  inet_service: /^(?:0|[1-9][0-9]{0,3})$/,
  inet_proto: /^(?:tcp|udp|sctp)$/,
  mark: /^(?:0|[1-9][0-9]{0,8}|[1-3][0-9]{9})$/,
  classid: /^(?:0|[1-9a-f][0-9a-f]{0,3}):(?:0|[1-9a-f][0-9a-f]{0,3})$/,
  verdict: /^(?:accept|drop|(?:goto|jump) [a-z][A-Za-z0-9_-]{0,63})$/,
};

/** Whether a key or value needs no closer look: a large section is mostly such texts. */
export function isPlain(types: readonly NftType[], text: string): boolean {
  const [first] = types;
  if (types.length === 1) return PLAIN[first as NftType]?.test(text) === true;
  const texts = text.split(' . ');
  return texts.length === types.length && types.every((type, at) => PLAIN[type]?.test(texts[at] as string) === true);
}

/** The parts of a key or value; undefined when it has another number of them, or one is not of its type. */
export function partsOf(types: readonly NftType[], text: string): readonly Span[] | undefined {
  const texts = text.split(' . ');
  if (texts.length !== types.length) return undefined;
  const parts = types.map((type, at) => TYPES[type](texts[at] as string));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

export function textOfParts(parts: readonly Span[]): string {
  return parts.map(({ text }) => text).join(' . ');
}

export function isSingle({ first, last }: Span): boolean {
  return first === last;
}

export function overlap(a: readonly Span[], b: readonly Span[]): boolean {
  return a.every(({ first, last }, at) => first <= (b[at] as Span).last && (b[at] as Span).first <= last);
}

const REMEMBERED_MAX = 4_096;

/** Most entries of a large section are about few addresses, which cost most to look at. */
function remembered(partOf: PartOf): PartOf {
  const known = new Map<string, Span | undefined>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined || known.has(text)) return found;
    if (known.size === REMEMBERED_MAX) known.clear();
    const part = partOf(text);
    known.set(text, part);
    return part;
  };
}

function address(family: IpFamily): PartOf {
  return (text) => {
    const bits = bitsOf(family);
    const [from, to, ...more] = text.split('-');
    if (to !== undefined) return more.length > 0 ? undefined : addressRange(family, canonicalIp(from ?? ''), canonicalIp(to));
    const prefix = parsePrefix(text.includes('/') ? text : `${text}/${bits}`);
    if (prefix?.family !== family) return undefined;
    const masked = maskedPrefix(prefix);
    const { first, last } = rangeOf(prefix);
    return { text: prefix.length === bits ? masked.slice(0, masked.indexOf('/')) : masked, first, last };
  };
}

function addressRange(family: IpFamily, from: string | undefined, to: string | undefined): Span | undefined {
  if (from === undefined || to === undefined || familyOfIp(from) !== family || familyOfIp(to) !== family) return undefined;
  const [first, last] = [numberOfIp(from), numberOfIp(to)];
  if (first > last) return undefined;
  const size = last - first + 1n;
  const isPrefix = (size & (size - 1n)) === 0n && first % size === 0n;
  const length = bitsOf(family) - (size.toString(2).length - 1);
  const start = ipOfNumber(first, family);
  const text = first === last ? start : isPrefix ? `${start}/${length}` : `${start}-${ipOfNumber(last, family)}`;
  return { text, first, last };
}

function numbers(bits: number): PartOf {
  return (text) => {
    const found = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text);
    if (found === null) return undefined;
    const first = BigInt(found[1] as string);
    const last = BigInt(found[2] ?? first);
    if (first > last || last >= 1n << BigInt(bits)) return undefined;
    return { text: first === last ? String(first) : `${first}-${last}`, first, last };
  };
}

/** A single protocol by its name, and only those whose names do not depend on the machine; ranges by number. */
function protocol(text: string): Span | undefined {
  const named = PROTOCOLS[text];
  if (named !== undefined) return { text, first: named, last: named };
  const found = numbers(8)(text);
  if (found === undefined || !isSingle(found)) return found;
  const name = NAMES_OF_PROTOCOLS.get(found.first);
  return name === undefined ? undefined : { ...found, text: name };
}

function only(pattern: RegExp, number: (text: string) => bigint): PartOf {
  return (text) => {
    if (!pattern.test(text)) return undefined;
    const first = number(text);
    return { text, first, last: first };
  };
}

function textNumber(text: string): bigint {
  return BigInt(`0x${Buffer.from(text).toString('hex')}`);
}
