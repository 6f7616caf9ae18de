/** Ethernet frames at one device of a namespace: what a guest may send that its kernel would not, and all that comes to it. */
import { bytesOfIp } from '@weft/api';
import { Inside } from './inside.ts';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const [IPV4, IPV6, ARP] = [0x0800, 0x86dd, 0x0806];
const [UDP, ICMPV6] = [17, 58];
const HOPS_MAX = 255;

/** It ends with the lab. */
export class FrameEnd {
  readonly #helper: Inside;
  readonly #heard: Buffer[] = [];

  private constructor(helper: Inside) {
    this.#helper = helper;
  }

  static async at(netns: string, device = 'eth0'): Promise<FrameEnd> {
    const helper = Inside.helper(netns, 'frames', device);
    await helper.answer('ready');
    return new FrameEnd(helper);
  }

  send(...frames: readonly Buffer[]): void {
    for (const frame of frames) this.#helper.write(`${frame.toString('hex')}\n`);
  }

  /** All that have come since it began, in order. */
  get heard(): readonly Buffer[] {
    for (const line of this.#helper.take())
      if (line.startsWith('{"frame"')) this.#heard.push(Buffer.from((JSON.parse(line) as { frame: string }).frame, 'hex'));
    return this.#heard;
  }

  end(): Promise<void> {
    return this.#helper.end();
  }
}

/** `macs`: of the sender and of the receiver. */
type Macs = Readonly<{ from: string; to: string }>;
type Ips = Readonly<{ src: string; dst: string }>;

export const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');
const ipBytes = (ip: string): Buffer => Buffer.from(bytesOfIp(ip));
const u16 = (...values: readonly number[]): Buffer => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));

function ethernet({ from, to }: Macs, type: number, payload: Buffer): Buffer {
  return Buffer.concat([macBytes(to), macBytes(from), u16(type), payload]);
}

/** RFC 826. `sender`: 0.0.0.0 is a probe (RFC 5227). */
export function arpFrame(macs: Macs, what: 'asks' | 'answers', sender: string, target: string): Buffer {
  const who = [macBytes(macs.from), ipBytes(sender), Buffer.alloc(6), ipBytes(target)];
  return ethernet(macs, ARP, Buffer.concat([u16(1, IPV4, 0x0604, what === 'asks' ? 1 : 2), ...who]));
}

/** A packet of IPv6. `next`: the kind of what the payload begins with, which may be an extension header. */
export function ipv6Frame(macs: Macs, { src, dst }: Ips, next: number, payload: Buffer, hopLimit = HOPS_MAX): Buffer {
  const header = Buffer.concat([
    Buffer.from([0x60, 0, 0, 0]),
    u16(payload.length),
    Buffer.from([next, hopLimit]),
    ipBytes(src),
    ipBytes(dst),
  ]);
  return ethernet(macs, IPV6, Buffer.concat([header, payload]));
}

/** A message of ICMPv6, such as of neighbour discovery (RFC 4861). `body`: what follows the checksum. */
export function icmpv6Frame(macs: Macs, ips: Ips, type: number, body: Buffer): Buffer {
  return ipv6Frame(macs, ips, ICMPV6, withChecksum(ips, ICMPV6, Buffer.concat([Buffer.from([type, 0, 0, 0]), body]), 2));
}

export function udpFrame(macs: Macs, ips: Ips, [srcPort, dstPort]: readonly [number, number], data: Buffer): Buffer {
  const datagram = withChecksum(ips, UDP, Buffer.concat([u16(srcPort, dstPort, 8 + data.length, 0), data]), 6);
  if (ips.dst.includes(':')) return ipv6Frame(macs, ips, UDP, datagram);
  const header = Buffer.concat([u16(0x4500, 20 + datagram.length, 0, 0, (64 << 8) | UDP, 0), ipBytes(ips.src), ipBytes(ips.dst)]);
  header.writeUInt16BE(checksumOf(header), 10);
  return ethernet(macs, IPV4, Buffer.concat([header, datagram]));
}

/** With the checksum of an upper layer (RFC 793, RFC 8200 section 8.1) in the field at `at`. */
export function withChecksum({ src, dst }: Ips, next: number, segment: Buffer, at: number): Buffer {
  const pseudo = Buffer.concat([ipBytes(src), ipBytes(dst), u16(next, segment.length)]);
  segment.writeUInt16BE(checksumOf(Buffer.concat([pseudo, segment])) || 0xffff, at);
  return segment;
}

/** RFC 1071. */
export function checksumOf(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] as number) * 256 + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
