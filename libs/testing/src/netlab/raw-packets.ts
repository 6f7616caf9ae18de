/** Packets of any protocol from guest to guest, with a token by which a receiver knows them. */
import { bytesOfIp, familyOfIp } from '@weft/api';
import { crc32c } from '@weft/linux';
import { checksumOf, withChecksum } from './frames.ts';
import { Inside } from './inside.ts';

/** What is in the IP header's protocol field. ICMP: that of the address family. */
const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPv6: 58, other: 47 } as const;
export type RawPacket = Readonly<{
  /** Addresses: of the sender, and as it writes the destination. */
  from: string;
  to: string;
  protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'other';
  port?: number;
  sourcePort?: number;
}>;

let tokens = 0;

/** Sends and hears in one namespace; it ends with the lab. */
export class RawGuest {
  readonly #helper: Inside;
  /** Tokens of packets of the first direction that have arrived, and errors about packets of this guest. */
  readonly heard = new Set<string>();
  readonly errorsAbout = new Set<string>();

  private constructor(helper: Inside) {
    this.#helper = helper;
  }

  static async in(netns: string): Promise<RawGuest> {
    const helper = Inside.helper(netns, 'raw', Object.values(NUMBERS).join(','));
    await helper.answer('ready');
    return new RawGuest(helper);
  }

  /** Gives the token. */
  send(packet: RawPacket): string {
    const token = `weft${(++tokens).toString().padStart(8, '0')}`;
    const hex = payloadOf(packet, token).toString('hex');
    const to = Buffer.from(bytesOfIp(packet.to)).toString('hex');
    this.#helper.write(`${JSON.stringify({ to, protocol: protocolOf(packet), hex })}\n`);
    return token;
  }

  /** Takes what has been heard since. */
  listen(): void {
    for (const line of this.#helper.take()) {
      if (!line.startsWith('{"heard"')) continue;
      const { hex, protocol } = JSON.parse(line) as { hex: string; protocol: number };
      const text = Buffer.from(hex, 'hex').toString('latin1');
      const token = /weft\d{8}/.exec(text)?.[0];
      if (token === undefined) continue;
      if (isError(protocol, hex)) this.errorsAbout.add(token);
      else this.heard.add(token);
    }
  }

  end(): Promise<void> {
    return this.#helper.end();
  }
}

/** ICMP of the kernel: an IPv4 socket hears the header before it. Echo replies of a receiver count as errors, too: they are no first packets. */
function isError(protocol: number, hex: string): boolean {
  if (protocol === NUMBERS.ICMP) return hex.slice(40, 42) !== '08';
  return protocol === NUMBERS.ICMPv6 && hex.slice(0, 2) !== '80';
}

function protocolOf({ protocol, to }: RawPacket): number {
  return protocol === 'ICMP' && familyOfIp(to) === 'IPv6' ? NUMBERS.ICMPv6 : NUMBERS[protocol];
}

function payloadOf(packet: RawPacket, token: string): Buffer {
  const { protocol, port = 0, sourcePort = 20_000 + (tokens % 40_000) } = packet;
  const data = Buffer.from(token);
  const header = Buffer.alloc({ TCP: 20, UDP: 8, SCTP: 12, ICMP: 8, other: 4 }[protocol]);
  if (protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP') {
    header.writeUInt16BE(sourcePort, 0);
    header.writeUInt16BE(port, 2);
  }
  switch (protocol) {
    case 'TCP': // SYN.
      header.writeUInt32BE(1, 4);
      header.writeUInt16BE(0x5002, 12);
      header.writeUInt16BE(65_535, 14);
      return checksummed(packet, Buffer.concat([header, data]), 16);
    case 'UDP':
      header.writeUInt16BE(8 + data.length, 4);
      return checksummed(packet, Buffer.concat([header, data]), 6);
    case 'ICMP': // Echo, with an id of its own.
      header.writeUInt8(familyOfIp(packet.to) === 'IPv4' ? 8 : 128, 0);
      header.writeUInt16BE(sourcePort, 4);
      return checksummed(packet, Buffer.concat([header, data]), 2);
    case 'SCTP': {
      // An INIT chunk: initiate tag, window, one stream each way, first TSN; the token stands in a parameter that receivers skip.
      const init = Buffer.alloc(24);
      init.writeUInt8(1, 0);
      init.writeUInt16BE(20 + 4 + data.length, 2);
      init.writeUInt32BE(1, 4);
      init.writeUInt32BE(65_535, 8);
      init.writeUInt32BE(0x00010001, 12);
      init.writeUInt32BE(1, 16);
      init.writeUInt16BE(0x8fff, 20);
      init.writeUInt16BE(4 + data.length, 22);
      const whole = Buffer.concat([header, init, data]);
      whole.writeUInt32LE(crc32c(whole), 8);
      return whole;
    }
    case 'other':
      return Buffer.concat([header, data]);
  }
}

/** For ICMP of IPv4 without the pseudo header. */
function checksummed({ from, to, protocol }: RawPacket, segment: Buffer, at: number): Buffer {
  const number = protocolOf({ from, to, protocol });
  if (number !== NUMBERS.ICMP) return withChecksum({ src: from, dst: to }, number, segment, at);
  segment.writeUInt16BE(checksumOf(segment), at);
  return segment;
}
