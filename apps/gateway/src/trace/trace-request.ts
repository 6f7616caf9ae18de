/** What a trace is asked about: from words like `nic/default/web-0`, `tcp` and `10.0.0.9:5432` to a packet. */
import { AnyVirtualIp, canonicalIp, type Facts, familyOfIp, nameText, specOf, statusOf } from '@weft/api';
import type { Packet, Protocol } from '@weft/fabric';
import { LoadBalancer } from '@weft/lb';
import { NetworkInterface } from '@weft/network';
import { badRequest } from '../http/failures.ts';
import { StatusError } from '../http/status-error.ts';

export type TraceRequest = Readonly<{
  from: string;
  to: string;
  protocol?: string | undefined;
  /** Of the sender, where `from` does not say it. */
  sourcePort?: number | undefined;
  hopLimit?: number | undefined;
}>;

const ICMP_V6 = 'icmpv6';
const PROTOCOLS: Readonly<Record<string, Protocol>> = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP', icmp: 'ICMP', [ICMP_V6]: 'ICMP' };
const PORT_MAX = 65_535;

type Parsed = Readonly<{ protocol: Protocol; source: End; target: End; srcPort?: number; hopLimit?: number | undefined }>;

/** Throws 400 for what is no request, whatever there is in the network. */
export function parsedRequest({ from, to, protocol = 'tcp', sourcePort, hopLimit }: TraceRequest): Parsed {
  const known = PROTOCOLS[protocol.toLowerCase()];
  if (known === undefined) throw badRequest(`protocol "${protocol}" is none of ${Object.keys(PROTOCOLS).join(', ')}`);
  const [source, target] = [endOf('from', from), endOf('to', to)];
  const srcPort = source.port ?? sourcePort;
  const port = target.port ?? srcPort;
  if (known === 'ICMP' && port !== undefined) throw badRequest(`${protocol} has no ports: leave ${port} away`);
  if (hopLimit !== undefined && (hopLimit < 1 || hopLimit > 255)) throw badRequest(`hopLimit: ${hopLimit} is not from 1 to 255`);
  return { protocol: known, source, target, ...(srcPort !== undefined && { srcPort: portOf(srcPort) }), hopLimit };
}

/** Throws 400 for what names nothing. */
export function packetOf(request: TraceRequest, facts: Facts): Packet {
  const { protocol, source, target, srcPort, hopLimit } = parsedRequest(request);
  const sender = senderOf(source, facts);
  const dst = addressOf('to', target, addressesOf(source, facts), facts);
  if (request.protocol?.toLowerCase() === ICMP_V6 && familyOfIp(dst) !== 'IPv6')
    throw badRequest(`${ICMP_V6}: ${dst} is no IPv6 address: ask for icmp, or name an IPv6 address`);
  return {
    ...(sender !== undefined && { from: sender }),
    protocol,
    ...(sender === undefined && source.ip !== undefined && { src: source.ip }),
    dst,
    ...(srcPort !== undefined && { srcPort }),
    ...(target.port !== undefined && { dstPort: target.port }),
    ...(hopLimit !== undefined && { hopLimit }),
  };
}

/** uid of the interface that a request is for by its name; whoever else gets the packet, it has missed that one. */
export function receiverNamed(request: TraceRequest, facts: Facts): string | undefined {
  const { object: [kind, namespace = '', name = ''] = [] } = parsedRequest(request).target;
  return kind === 'NetworkInterface' ? facts.get(NetworkInterface, { namespace, name })?.object.metadata.uid : undefined;
}

const INTERNET = 'internet';

/** `object`: `[kind, namespace, name]`. `ip`: canonical. */
type End = Readonly<{ text: string; object?: readonly [string, string, string]; ip?: string; isOutside: boolean; port?: number }>;

function endOf(field: string, text: string): End {
  const isOutside = text === INTERNET || text.startsWith(`${INTERNET}:`);
  const rest = isOutside ? text.slice(INTERNET.length + 1) : text;
  if (isOutside && rest === '') return { text: INTERNET, isOutside };
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(rest);
  const [, host = rest, port] = bracketed ?? /^([^:]*):(\d+)$/.exec(rest) ?? [];
  const withPort = port === undefined ? {} : { port: portOf(Number(port)) };
  const words = host.split('/');
  const [kind = '', namespace = '', name = ''] = words.length === 2 ? [words[0], 'default', words[1]] : words;
  if (words.length > 1 && words.length <= 3 && name !== '' && !isOutside) {
    const plain = KINDS[kind.toLowerCase()];
    if (plain === undefined) throw badRequest(`${field}: "${kind}" is none of nic, virtualip, loadbalancer`);
    return { text: host, object: [plain, namespace, name], isOutside, ...withPort };
  }
  const ip = canonicalIp(host);
  if (ip === undefined)
    throw badRequest(`${field}: "${text}" is no address, "internet:<address>", "nic/<namespace>/<name>" or "virtualip/<namespace>/<name>"`);
  return { text, ip, isOutside, ...withPort };
}

const KINDS: Readonly<Record<string, string>> = {
  nic: 'NetworkInterface',
  networkinterface: 'NetworkInterface',
  networkinterfaces: 'NetworkInterface',
  virtualip: 'VirtualIP',
  virtualips: 'VirtualIP',
  vip: 'VirtualIP',
  loadbalancer: 'LoadBalancer',
  loadbalancers: 'LoadBalancer',
  lb: 'LoadBalancer',
};

function portOf(port: number): number {
  if (port < 1 || port > PORT_MAX) throw badRequest(`port ${port} is not from 1 to ${PORT_MAX}`);
  return port;
}

/** The first one that the sender can send to. */
function addressOf(field: string, end: End, sources: readonly string[], facts: Facts): string {
  const ips = addressesOf(end, facts);
  const ip = ips.find((each) => sources.some((source) => familyOfIp(source) === familyOfIp(each))) ?? ips[0];
  if (ip === undefined) throw badRequest(`${field}: ${end.text} has no address`);
  return ip;
}

function addressesOf({ ip, object, text }: End, facts: Facts): readonly string[] {
  if (ip !== undefined) return [ip];
  if (object === undefined) return [];
  const [kind, namespace, name] = object;
  const key = { namespace, name };
  if (kind === 'VirtualIP') {
    const { ip: address } = statusOf(living(facts.get(AnyVirtualIp, key), text).object);
    return address === undefined ? [] : [address];
  }
  if (kind === 'LoadBalancer') return statusOf(living(facts.get(LoadBalancer, key), text).object).ips ?? [];
  return statusOf(living(facts.get(NetworkInterface, key), text).object).ips ?? [];
}

const NAMED_MAX = 5;

/** uid of the interface that sends; undefined: the internet does. */
function senderOf({ text, object, ip, isOutside }: End, facts: Facts): string | undefined {
  if (isOutside) return undefined;
  if (object === undefined) {
    const found = ip === undefined ? [] : [...facts.by(NetworkInterface, 'address', ip)];
    const [only] = found;
    if (only !== undefined && found.length === 1) return only.object.metadata.uid;
    const names = found.map(({ key, object }) => `nic/${nameText(key)} (network ${specOf(object).networkRef?.name})`).sort();
    const which =
      found.length === 0
        ? `no interface has it; from outside it is internet:${ip}`
        : `${names.length} interfaces have it; name one: ${names.slice(0, NAMED_MAX).join(', ')}${names.length > NAMED_MAX ? ', …' : ''}`;
    throw badRequest(`from: ${ip}: ${which}`);
  }
  const [kind, namespace, name] = object;
  if (kind === 'NetworkInterface') return living(facts.get(NetworkInterface, { namespace, name }), text).object.metadata.uid;
  if (kind === 'LoadBalancer') throw badRequest(`from: ${text} does not send; name the interface that does: nic/<namespace>/<name>`);
  const holder = specOf(living(facts.get(AnyVirtualIp, { namespace, name }), text).object).targetRef?.uid;
  if (holder === undefined) throw badRequest(`from: nobody holds ${text}`);
  return holder;
}

/** What a request names is not there, at the position that it is about. */
export class NotThereError extends StatusError {
  readonly what: string;

  constructor(what: string) {
    super(badRequest(`${what} does not exist`).status);
    this.what = what;
  }

  /** With what to do. `moment`: that was asked about; absent: now. */
  told(moment?: string): StatusError {
    const when = moment === undefined ? '' : ` at ${moment}`;
    return badRequest(`${this.what} does not exist${when}: "weft history ${this.what}" tells if and when it did`);
  }
}

function living<S extends Readonly<{ status: 'absent' | 'live' }>>(state: S | undefined, text: string): S {
  if (state?.status !== 'live') throw new NotThereError(text);
  return state;
}
