/**
 * Addresses and prefixes as values (resources 1.3): which texts are one, their canonical text, their family.
 *
 * IPv4 is dotted decimal without leading zeros; everything else is IPv6, an IPv4-mapped address included. An address may carry a zone, a
 * prefix may not. Host bits of a prefix are allowed and kept.
 */
import ipaddr from 'ipaddr.js';

export type IpFamily = 'IPv4' | 'IPv6';
export const IP_FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

const OCTET = '(?:0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
/** The tail of an IPv6 text that is written in dotted decimal. */
const DOTTED_TAIL = /:([0-9.]*\.[0-9.]*)$/;
const IPV6_CHARACTERS = /^[0-9A-Fa-f:.]+$/;

/** Canonical text (lower case, compressed by RFC 5952; an IPv4-mapped address keeps its dots), or undefined when it is no address. */
export function canonicalIp(text: string): string | undefined {
  if (IPV4.test(text)) return text;
  const percent = text.indexOf('%');
  if (percent < 0) return canonicalIpv6(text);
  const zone = text.slice(percent + 1);
  const address = canonicalIpv6(text.slice(0, percent));
  // As upstream: a zone is not kept apart from an IPv4-mapped address.
  return address === undefined || zone === '' || address.includes('.') ? undefined : `${address}%${zone}`;
}

function canonicalIpv6(text: string): string | undefined {
  if (text.length > 45 || !text.includes(':') || !IPV6_CHARACTERS.test(text)) return undefined;
  const tail = DOTTED_TAIL.exec(text)?.[1];
  if (tail !== undefined && !IPV4.test(tail)) return undefined;
  if (!ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? `::ffff:${address.toIPv4Address().toString()}` : address.toRFC5952String();
}

/** `address` must be one (canonical or not). */
export function familyOfIp(address: string): IpFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** 32 or 128. */
export function bitsOf(family: IpFamily): number {
  return family === 'IPv4' ? 32 : 128;
}

export type IpPrefix = Readonly<{ address: string; length: number; family: IpFamily }>;

export function parsePrefix(text: string): IpPrefix | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const length = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const address = canonicalIp(text.slice(0, slash));
  if (address === undefined || address.includes('%')) return undefined;
  const family = familyOfIp(address);
  return Number(length) <= bitsOf(family) ? { address, length: Number(length), family } : undefined;
}

/** Canonical text with its host bits, or undefined when it is no prefix. */
export function canonicalPrefix(text: string): string | undefined {
  const prefix = parsePrefix(text);
  return prefix && `${prefix.address}/${prefix.length}`;
}

/** Exactly one address: /32 or /128. */
export function isSingleAddress({ length, family }: IpPrefix): boolean {
  return length === bitsOf(family);
}

/** The 4 or 16 bytes of an address, which must be one, without a zone. */
export function bytesOfIp(address: string): readonly number[] {
  return ipaddr.parse(address).toByteArray();
}

/** Canonical text of an address of 4 or 16 bytes. */
export function ipOfBytes(bytes: readonly number[]): string {
  return canonicalIp(ipaddr.fromByteArray([...bytes]).toString()) as string;
}
