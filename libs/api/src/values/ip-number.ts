/** Addresses and ranges as numbers, for what must be sorted or counted. */
import { bitsOf, bytesOfIp, type IpFamily, type IpPrefix, ipOfBytes } from './ip.ts';

/** `address` must be one, without a zone: of 32 or 128 bits. */
export function numberOfIp(address: string): bigint {
  const digits = bytesOfIp(address).map((byte) => byte.toString(16).padStart(2, '0'));
  return BigInt(`0x${digits.join('')}`);
}

/** Canonical text. */
export function ipOfNumber(number: bigint, family: IpFamily): string {
  const length = bitsOf(family) / 8;
  const bytes = Array.from({ length }, (_, i) => Number((number >> BigInt(8 * (length - 1 - i))) & 0xffn));
  return ipOfBytes(bytes);
}

/** `first` to `last`, both inclusive. */
export type IpRange = Readonly<{ family: IpFamily; first: bigint; last: bigint }>;

/** Host bits of the prefix do not count (resources 1.3). */
export function rangeOf({ address, length, family }: IpPrefix): IpRange {
  const free = BigInt(bitsOf(family) - length);
  const first = (numberOfIp(address) >> free) << free;
  return { family, first, last: first + (1n << free) - 1n };
}

/** The same range in canonical text, without host bits. */
export function maskedPrefix({ address, length, family }: IpPrefix): string {
  if (length === bitsOf(family)) return `${address}/${length}`;
  if (family === 'IPv6') return `${ipOfBytes(bytesOfIp(address).map((byte, i) => byte & maskOfByte(length - 8 * i)))}/${length}`;
  // Networks count their addresses by this.
  const bytes = address.split('.').map((text, i) => Number(text) & maskOfByte(length - 8 * i));
  return `${bytes.join('.')}/${length}`;
}

function maskOfByte(bits: number): number {
  return bits >= 8 ? 0xff : bits <= 0 ? 0 : 0x100 - 2 ** (8 - bits);
}

/** Whether all of `inner` lies in `outer`. */
export function holdsRange(outer: IpRange, inner: IpRange): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

export function rangesOverlap(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}
