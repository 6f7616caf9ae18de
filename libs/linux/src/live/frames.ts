/** Ethernet frames with a packet of a given kind in them, which can be told apart wherever they are seen, also with other addresses. */
import { bytesOfIp, ipOfBytes } from '@weft/api';
import type { Header, Protocol } from '@weft/fabric';
import { crc32c } from './crc32c.ts';

/** What a frame carries. `id`: its own number. */
export type Sent = Readonly<{
  id: number;
  header: Header;
  mac: string;
  hopLimit: number;
  /** Absent: that of every router towards its guests. */
  to?: string;
}>;
/** A frame that carries what was sent, as it was seen. `isEchoed`: a reply to an echo request. */
export type Found = Readonly<{ id: number; src: string; dst: string; isEchoed: boolean }>;

/** 16 bytes, since nft compares no more at once. */
export const MARK_TEXT = 'weft-probe-of-us';
const MARK = Buffer.from(MARK_TEXT);
const DIGITS = 10;
const GATEWAY_MAC = '02:00:00:00:00:01';
const NUMBERS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, other: 253 };
const ICMPV6 = 58;
const [ECHO, ECHO_REPLY, ECHO_V6, ECHO_REPLY_V6] = [8, 0, 128, 129];

export function frameOf({ id, header, mac, hopLimit, to = GATEWAY_MAC }: Sent): Buffer {
  const isV6 = header.dst.includes(':');
  const payload = Buffer.concat([MARK, Buffer.from(id.toString().padStart(DIGITS, '0'))]);
  const next = header.protocol === 'ICMP' && isV6 ? ICMPV6 : NUMBERS[header.protocol];
  const [src, dst] = [Buffer.from(bytesOfIp(header.src)), Buffer.from(bytesOfIp(header.dst))];
  const inner = layer4(header, id, payload, { src, dst, next });
  const outer = isV6 ? layer3v6(src, dst, next, hopLimit, inner.length) : layer3v4(src, dst, next, hopLimit, inner.length, id);
  const ethernet = Buffer.concat([macOf(to), macOf(mac), Buffer.from(isV6 ? [0x86, 0xdd] : [0x08, 0x00])]);
  return Buffer.concat([ethernet, outer, inner]);
}

/** Undefined for a frame that carries none of ours. Errors that quote one do not count. */
export function foundIn(frame: Buffer): Found | undefined {
  const at = frame.indexOf(MARK);
  if (at < 0 || frame.length < 34) return undefined;
  const isV6 = frame.readUInt16BE(12) === 0x86dd;
  if (!isV6 && frame.readUInt16BE(12) !== 0x0800) return undefined;
  const next = isV6 ? frame[20] : frame[23];
  const type = frame[isV6 ? 54 : 34];
  const isIcmp = next === NUMBERS.ICMP || next === ICMPV6;
  const isEchoed = isIcmp && (type === ECHO_REPLY || type === ECHO_REPLY_V6);
  if (isIcmp && !isEchoed && type !== ECHO && type !== ECHO_V6) return undefined;
  const [first, size] = isV6 ? [22, 16] : [26, 4];
  const ip = (from: number) => ipOfBytes([...frame.subarray(from, from + size)]);
  const id = Number(frame.subarray(at + MARK.length, at + MARK.length + DIGITS).toString());
  return { id, src: ip(first), dst: ip(first + size), isEchoed };
}

/** Bits from the header behind the IP header to what marks the frame. */
const MARK_AT: Readonly<Record<Protocol, number>> = { TCP: 160, UDP: 64, SCTP: 288, ICMP: 64, other: 0 };

/** What it has to be in addition to be a reply to an echo request: of a router, or of a guest. */
export const IS_ECHOED = `@th,0,8 { ${ECHO_REPLY}, ${ECHO_REPLY_V6} }`;

/** The packet with this number, and no other, as nft tells it. */
export function matchOf(protocol: Protocol, id: number): string {
  const [at, digits] = [MARK_AT[protocol], Buffer.from(id.toString().padStart(DIGITS, '0'))];
  const numbers = protocol === 'ICMP' ? `{ ${NUMBERS.ICMP}, ${ICMPV6} }` : NUMBERS[protocol];
  const marks = `@th,${at},${MARK.length * 8} 0x${MARK.toString('hex')}`;
  return `meta l4proto ${numbers} ${marks} @th,${at + MARK.length * 8},${DIGITS * 8} 0x${digits.toString('hex')}`;
}

function macOf(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function layer3v4(src: Buffer, dst: Buffer, protocol: number, hopLimit: number, length: number, id: number): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + length, 2);
  header.writeUInt16BE(id & 0xffff, 4);
  header[8] = hopLimit;
  header[9] = protocol;
  src.copy(header, 12);
  dst.copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function layer3v6(src: Buffer, dst: Buffer, next: number, hopLimit: number, length: number): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(length, 4);
  header[6] = next;
  header[7] = hopLimit;
  src.copy(header, 8);
  dst.copy(header, 24);
  return header;
}

type Ends = Readonly<{ src: Buffer; dst: Buffer; next: number }>;

function layer4({ protocol, srcPort, dstPort = 0 }: Header, id: number, payload: Buffer, ends: Ends): Buffer {
  const from = typeof srcPort === 'number' ? srcPort : 0;
  switch (protocol) {
    case 'TCP': {
      const segment = Buffer.concat([Buffer.alloc(20), payload]);
      segment.writeUInt16BE(from, 0);
      segment.writeUInt16BE(dstPort, 2);
      segment.writeUInt32BE(id, 4);
      segment[12] = 0x50;
      segment[13] = 0x02; // SYN
      segment.writeUInt16BE(0xffff, 14);
      segment.writeUInt16BE(checksum(segment, pseudo(ends, segment.length)), 16);
      return segment;
    }
    case 'UDP': {
      const datagram = Buffer.concat([Buffer.alloc(8), payload]);
      datagram.writeUInt16BE(from, 0);
      datagram.writeUInt16BE(dstPort, 2);
      datagram.writeUInt16BE(datagram.length, 4);
      datagram.writeUInt16BE(checksum(datagram, pseudo(ends, datagram.length)) || 0xffff, 6);
      return datagram;
    }
    case 'SCTP': {
      // An INIT chunk; what marks the packet is a parameter that nobody knows.
      const parameter = Buffer.concat([Buffer.from([0x80, 0x99, 0, 4 + payload.length]), padded(payload)]);
      const chunk = Buffer.concat([Buffer.alloc(20), parameter]);
      chunk[0] = 1;
      chunk.writeUInt16BE(20 + 4 + payload.length, 2);
      chunk.writeUInt32BE(id + 1, 4);
      chunk.writeUInt32BE(0xffff, 8);
      chunk.writeUInt16BE(1, 12);
      chunk.writeUInt16BE(1, 14);
      const packet = Buffer.concat([Buffer.alloc(12), chunk]);
      packet.writeUInt16BE(from, 0);
      packet.writeUInt16BE(dstPort, 2);
      packet.writeUInt32LE(crc32c(packet), 8);
      return packet;
    }
    case 'ICMP': {
      const message = Buffer.concat([Buffer.alloc(8), payload]);
      message[0] = ends.next === ICMPV6 ? ECHO_V6 : ECHO;
      message.writeUInt16BE(id & 0xffff, 4);
      message.writeUInt16BE(checksum(message, ends.next === ICMPV6 ? pseudo(ends, message.length) : undefined), 2);
      return message;
    }
    default:
      return payload;
  }
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

/** RFC 793, RFC 8200 section 8.1. */
function pseudo({ src, dst, next }: Ends, length: number): Buffer {
  if (src.length === 4) return Buffer.concat([src, dst, Buffer.from([0, next, length >> 8, length & 255])]);
  return Buffer.concat([src, dst, Buffer.from([0, 0, length >> 8, length & 255, 0, 0, 0, next])]);
}

/** RFC 1071. */
function checksum(bytes: Buffer, before: Buffer = Buffer.alloc(0)): number {
  let sum = 0;
  for (const part of [before, bytes]) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i] as number) * 256 + (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
