/**
 * Lines of `ip -batch` and `bridge -batch` as the rtnetlink messages that these tools would send (linux/rtnetlink.h, linux/neighbour.h, linux/if_link.h; iproute2
 * for what it adds by itself). Only what the driver writes often: any other line belongs to the tool.
 */
import { endianness } from 'node:os';
import ipaddr from 'ipaddr.js';

/** Where the index of a device, or the descriptor of a namespace, is to be written. `number` is that of the message. */
export type Blank = readonly [offset: number, name: string, number: number];
/** Messages that can be sent in one go: none of them looks for a device that another one makes. Each is numbered by its line. */
export type MessageGroup = { messages: Uint8Array; devices: Blank[]; namespaces: Blank[] };

/** Errors that come back must fit into a socket's buffer. */
const GROUP_MESSAGES_MAX = 128;
const NLM_F_REQUEST = 0x1;
const FLAGS: Readonly<Record<string, number>> = { add: 0x600, replace: 0x500, append: 0xc00, del: 0 };
const RTM = { newLink: 16, delLink: 17, newAddress: 20, delAddress: 21, newRoute: 24, delRoute: 25, newNeighbour: 28, delNeighbour: 29 };
const AF_INET = 2;
const AF_BRIDGE = 7;
const AF_INET6 = 10;
const NUD_PERMANENT = 0x80;
const NTF_SELF = 2;
const RT_SCOPE_LINK = 253;
const RT_TABLE_MAIN = 254;
const RTNH_F_ONLINK = 4;
const SCOPE = { universe: 0, link: 253, host: 254, nowhere: 255 };
const ROUTE_TYPES: Readonly<Record<string, number>> = { unicast: 1, local: 2, blackhole: 6, unreachable: 7, prohibit: 8 };
const IFF_UP = 1;

/** Undefined when one of the lines is for the tool, which then takes them all. `from`: the number of the first. */
export function messagesOf(tool: 'ip' | 'bridge', lines: readonly string[], from = 0): readonly MessageGroup[] | undefined {
  if (endianness() !== 'LE') return undefined;
  const groups: MessageGroup[] = [];
  let writer = new MessageWriter();
  const close = () => {
    if (writer.count > 0) groups.push(writer.group());
    writer = new MessageWriter();
  };
  for (const [index, line] of lines.entries()) {
    const words = wordsOf(line);
    if (!encode(tool, words, writer, from + index)) return undefined;
    const changesDevices = words[0] === 'link' && words[1] !== 'set';
    if (changesDevices || writer.count >= GROUP_MESSAGES_MAX) close();
  }
  close();
  return groups;
}

function wordsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(' ');
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

function encode(tool: 'ip' | 'bridge', words: readonly string[], writer: MessageWriter, number: number): boolean {
  const [what, verb = ''] = words;
  const options = new Options(words.slice(2));
  if (tool === 'bridge') return what === 'fdb' && fdb(verb, options, writer, number);
  switch (what) {
    case 'route':
      return route(verb, options, writer, number);
    case 'neigh':
      return neighbour(verb, options, writer, number);
    case 'addr':
      return address(verb, options, writer, number);
    case 'link':
      if (verb === 'set') return setLink(options, writer, number);
      if (verb === 'del') return deleteLink(options, writer, number);
      return verb === 'add' && addVeth(options, writer, number);
    default:
      return false;
  }
}

/** The rest of a line, read from the left. */
class Options {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get ended(): boolean {
    return this.#at >= this.#words.length;
  }

  next(): string {
    return this.#words[this.#at++] ?? '';
  }

  /** Takes the word if it is the next one. */
  takes(word: string): boolean {
    if (this.#words[this.#at] !== word) return false;
    this.#at++;
    return true;
  }

  peek(): string {
    return this.#words[this.#at] ?? '';
  }
}

type Prefix = Readonly<{ bytes: Uint8Array; length: number }>;

function prefixOf(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const bytes = ipBytes(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) return undefined;
  const length = slash < 0 ? bytes.length * 8 : numberOf(text.slice(slash + 1), bytes.length * 8);
  return length === undefined ? undefined : { bytes, length };
}

/** Undefined for what is no address. */
function ipBytes(text: string): Uint8Array | undefined {
  if (text.includes(':')) return ipaddr.IPv6.isValid(text) ? Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray()) : undefined;
  return ipaddr.IPv4.isValidFourPartDecimal(text) ? Uint8Array.from(text.split('.'), Number) : undefined;
}

function numberOf(text: string, max = 0xffff_ffff): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

function macOf(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
}

const familyOf = (bytes: Uint8Array): number => (bytes.length === 4 ? AF_INET : AF_INET6);

function route(verb: string, options: Options, writer: MessageWriter, number: number): boolean {
  const flags = FLAGS[verb];
  if (flags === undefined) return false;
  const removes = verb === 'del';
  const typeWord = options.peek();
  const type = ROUTE_TYPES[typeWord];
  if (type !== undefined) options.next();
  const destination = prefixOf(options.next());
  if (destination === undefined) return false;
  let gateway: Uint8Array | undefined;
  let device: string | undefined;
  let source: Uint8Array | undefined;
  let [protocol, table, metric, mtu, nexthop] = [undefined, undefined, undefined, undefined, undefined] as (number | undefined)[];
  let [onlink, locked] = [false, false];
  while (!options.ended) {
    const word = options.next();
    if (word === 'via') {
      if (!options.takes('inet6')) options.takes('inet');
      gateway = ipBytes(options.next());
      if (gateway === undefined) return false;
    } else if (word === 'dev') device = options.next();
    else if (word === 'onlink') onlink = true;
    else if (word === 'src') {
      source = ipBytes(options.next());
      if (source === undefined) return false;
    } else if (word === 'mtu') {
      locked = options.takes('lock');
      mtu = numberOf(options.next());
      if (mtu === undefined) return false;
    } else {
      const value = numberOf(options.next());
      if (value === undefined) return false;
      if (word === 'proto') protocol = value;
      else if (word === 'table') table = value;
      else if (word === 'metric') metric = value;
      else if (word === 'nhid') nexthop = value;
      else return false;
    }
  }
  const direct = gateway === undefined && nexthop === undefined && (type ?? 1) === 1;
  const scope = removes ? SCOPE.nowhere : type === 2 ? SCOPE.host : direct ? SCOPE.link : SCOPE.universe;
  writer.begin(removes ? RTM.delRoute : RTM.newRoute, flags, number);
  writer.bytes([familyOf(destination.bytes), destination.length, 0, 0]);
  writer.bytes([
    table === undefined ? RT_TABLE_MAIN : table < 256 ? table : 0,
    protocol ?? (removes ? 0 : 3),
    scope,
    type ?? (removes ? 0 : 1),
  ]);
  writer.u32(onlink ? RTNH_F_ONLINK : 0);
  if (destination.length > 0) writer.attribute(1, destination.bytes);
  if (device !== undefined) writer.device(4, device);
  if (gateway !== undefined) {
    if (gateway.length === destination.bytes.length) writer.attribute(5, gateway);
    else writer.attribute(18, [familyOf(gateway), 0, ...gateway]);
  }
  if (metric !== undefined) writer.number(6, metric);
  if (source !== undefined) writer.attribute(7, source);
  if (mtu !== undefined) {
    writer.nested(8, () => {
      if (locked) writer.number(1, 1 << 2);
      writer.number(2, mtu);
    });
  }
  if (table !== undefined) writer.number(15, table);
  if (nexthop !== undefined) writer.number(30, nexthop);
  writer.end();
  return true;
}

function neighbour(verb: string, options: Options, writer: MessageWriter, number: number): boolean {
  const flags = FLAGS[verb];
  const ip = ipBytes(options.next());
  if (flags === undefined || ip === undefined) return false;
  let mac: Uint8Array | undefined;
  let device: string | undefined;
  while (!options.ended) {
    const [word, value] = [options.next(), options.next()];
    if (word === 'lladdr') {
      mac = macOf(value);
      if (mac === undefined) return false;
    } else if (word === 'dev') device = value;
    else if (word !== 'nud' || value !== 'permanent') return false;
  }
  if (device === undefined) return false;
  writer.begin(verb === 'del' ? RTM.delNeighbour : RTM.newNeighbour, flags, number);
  writer.bytes([familyOf(ip), 0, 0, 0]);
  writer.blankDevice(device);
  writer.bytes([NUD_PERMANENT, 0, 0, 0]);
  writer.attribute(1, ip);
  if (mac !== undefined) writer.attribute(2, mac);
  writer.end();
  return true;
}

function fdb(verb: string, options: Options, writer: MessageWriter, number: number): boolean {
  const flags = FLAGS[verb];
  const mac = macOf(options.next());
  if (flags === undefined || mac === undefined) return false;
  let destination: Uint8Array | undefined;
  let vni: number | undefined;
  let device: string | undefined;
  while (!options.ended) {
    const word = options.next();
    if (word === 'dev') device = options.next();
    else if (word === 'dst') {
      destination = ipBytes(options.next());
      if (destination === undefined) return false;
    } else if (word === 'vni') {
      vni = numberOf(options.next(), 0xff_ffff);
      if (vni === undefined) return false;
    } else if (word !== 'self' && word !== 'permanent') return false;
  }
  if (device === undefined) return false;
  writer.begin(verb === 'del' ? RTM.delNeighbour : RTM.newNeighbour, flags, number);
  writer.bytes([AF_BRIDGE, 0, 0, 0]);
  writer.blankDevice(device);
  writer.bytes([NUD_PERMANENT, 0, NTF_SELF, 0]);
  writer.attribute(2, mac);
  if (destination !== undefined) writer.attribute(1, destination);
  if (vni !== undefined) writer.number(7, vni);
  writer.end();
  return true;
}

function address(verb: string, options: Options, writer: MessageWriter, number: number): boolean {
  const flags = FLAGS[verb];
  const prefix = prefixOf(options.next());
  if (flags === undefined || prefix === undefined || !options.takes('dev')) return false;
  const device = options.next();
  const noDad = options.takes('nodad');
  const isOfLink = options.takes('scope');
  if ((isOfLink && !options.takes('link')) || !options.ended) return false;
  writer.begin(verb === 'del' ? RTM.delAddress : RTM.newAddress, flags, number);
  writer.bytes([familyOf(prefix.bytes), prefix.length, noDad ? 2 : 0, isOfLink ? RT_SCOPE_LINK : 0]);
  writer.blankDevice(device);
  writer.attribute(2, prefix.bytes);
  writer.attribute(1, prefix.bytes);
  writer.end();
  return true;
}

type LinkChange = { mac?: Uint8Array; mtu?: number; alias?: string; group?: number; isUp?: boolean; noAddresses?: boolean };

/** Undefined for a word that is the tool's. Stops at one of `stops`. */
function linkChange(options: Options, stops: readonly string[]): LinkChange | undefined {
  const change: LinkChange = {};
  while (!options.ended && !stops.includes(options.peek())) {
    const word = options.next();
    if (word === 'up' || word === 'down') {
      change.isUp = word === 'up';
      continue;
    }
    const value = options.next();
    if (word === 'alias') change.alias = value;
    else if (word === 'addrgenmode' && value === 'none') change.noAddresses = true;
    else if (word === 'address') {
      const mac = macOf(value);
      if (mac === undefined) return undefined;
      change.mac = mac;
    } else if (word === 'mtu' || word === 'group') {
      const number = numberOf(value);
      if (number === undefined) return undefined;
      change[word] = number;
    } else return undefined;
  }
  return change;
}

function linkAttributes({ mac, mtu, alias, group, noAddresses }: LinkChange, writer: MessageWriter): void {
  if (mac !== undefined) writer.attribute(1, mac);
  if (mtu !== undefined) writer.number(4, mtu);
  if (alias !== undefined) writer.attribute(20, Buffer.from(alias));
  if (group !== undefined) writer.number(27, group);
  if (noAddresses) writer.nested(26, () => writer.nested(AF_INET6, () => writer.attribute(8, [1])));
}

function setLink(options: Options, writer: MessageWriter, number: number): boolean {
  const device = options.next();
  const change = device === 'dev' || device === 'group' ? undefined : linkChange(options, []);
  if (change === undefined) return false;
  writer.begin(RTM.newLink, 0, number);
  writer.bytes([0, 0, 0, 0]);
  writer.blankDevice(device);
  writer.u32(change.isUp ? IFF_UP : 0);
  writer.u32(change.isUp === undefined ? 0 : IFF_UP);
  linkAttributes(change, writer);
  writer.end();
  return true;
}

function deleteLink(options: Options, writer: MessageWriter, number: number): boolean {
  const word = options.next();
  const group = word === 'group' ? numberOf(options.next()) : undefined;
  if (!options.ended || (word === 'group' && group === undefined)) return false;
  writer.begin(RTM.delLink, 0, number);
  writer.bytes([0, 0, 0, 0]);
  if (group === undefined) writer.blankDevice(word);
  else writer.u32(0);
  writer.u32(0);
  writer.u32(0);
  if (group !== undefined) writer.number(27, group);
  writer.end();
  return true;
}

/** `link add <device> … type veth peer name <device> … [netns <name>]`. */
function addVeth(options: Options, writer: MessageWriter, number: number): boolean {
  const device = options.next();
  const near = linkChange(options, ['type']);
  if (near === undefined || !options.takes('type') || !options.takes('veth') || !options.takes('peer') || !options.takes('name'))
    return false;
  const peer = options.next();
  const far = linkChange(options, ['netns']);
  if (far === undefined) return false;
  const netns = options.takes('netns') ? options.next() : undefined;
  if (!options.ended) return false;
  writer.begin(RTM.newLink, FLAGS['add']!, number);
  const header = (change: LinkChange) => {
    writer.bytes([0, 0, 0, 0]);
    writer.u32(0);
    writer.u32(change.isUp ? IFF_UP : 0);
    writer.u32(change.isUp === undefined ? 0 : IFF_UP);
  };
  header(near);
  writer.attribute(3, text(device));
  linkAttributes(near, writer);
  writer.nested(18, () => {
    writer.attribute(1, text('veth'));
    writer.nested(2, () => {
      writer.nested(1, () => {
        header(far);
        writer.attribute(3, text(peer));
        linkAttributes(far, writer);
        if (netns !== undefined) writer.namespace(28, netns);
      });
    });
  });
  writer.end();
  return true;
}

const text = (value: string): Uint8Array => Buffer.from(`${value}\0`);

/** Netlink messages one after another: a header, then attributes of {length, type, value}, each padded to 4 bytes. */
class MessageWriter {
  count = 0;
  #buffer = Buffer.alloc(8_192);
  #length = 0;
  #start = 0;
  #number = 0;
  readonly #devices: Blank[] = [];
  readonly #namespaces: Blank[] = [];

  begin(type: number, flags: number, number: number): void {
    this.#start = this.#length;
    this.#number = number;
    this.count++;
    this.u32(0);
    this.#reserve(4);
    this.#buffer.writeUInt16LE(type, this.#length);
    this.#buffer.writeUInt16LE(flags | NLM_F_REQUEST, this.#length + 2);
    this.#length += 4;
    this.u32(number);
    this.u32(0);
  }

  end(): void {
    this.#buffer.writeUInt32LE(this.#length - this.#start, this.#start);
  }

  bytes(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#buffer.set(values, this.#length);
    this.#length += values.length;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#buffer.writeUInt32LE(value, this.#length);
    this.#length += 4;
  }

  attribute(type: number, value: ArrayLike<number>): void {
    this.#attributeHeader(type, 4 + value.length);
    this.bytes(value);
    this.#pad();
  }

  number(type: number, value: number): void {
    this.#attributeHeader(type, 8);
    this.u32(value);
  }

  nested(type: number, body: () => void): void {
    const start = this.#length;
    this.#attributeHeader(type, 0);
    body();
    this.#buffer.writeUInt16LE(this.#length - start, start);
  }

  device(type: number, name: string): void {
    this.#attributeHeader(type, 8);
    this.blankDevice(name);
  }

  namespace(type: number, name: string): void {
    this.#attributeHeader(type, 8);
    this.#namespaces.push([this.#length, name, this.#number]);
    this.u32(0);
  }

  blankDevice(name: string): void {
    this.#devices.push([this.#length, name, this.#number]);
    this.u32(0);
  }

  group(): MessageGroup {
    return { messages: this.#buffer.subarray(0, this.#length), devices: this.#devices, namespaces: this.#namespaces };
  }

  #attributeHeader(type: number, length: number): void {
    this.#reserve(4);
    this.#buffer.writeUInt16LE(length, this.#length);
    this.#buffer.writeUInt16LE(type, this.#length + 2);
    this.#length += 4;
  }

  #pad(): void {
    const padded = (this.#length + 3) & ~3;
    this.#reserve(padded - this.#length);
    this.#buffer.fill(0, this.#length, padded);
    this.#length = padded;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + more));
    this.#buffer.copy(larger);
    this.#buffer = larger;
  }
}
