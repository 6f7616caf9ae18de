/**
 * A process of its own that speaks to the kernel in network namespaces, since it may be in one of them at any moment and since a fault in foreign
 * code ends a process. It ends when its parent does, or goes away. Plain JavaScript: it is started as it is, without a loader. See native-access.ts.
 *
 *   {id, call: 'route', netns, inode, groups}   groups of rtnetlink messages (rtnetlink.ts)
 *   {id, call: 'nft', netns, inode, text}       one transaction
 *   {id, call: 'sysctl', netns, values}         files below /proc/sys
 *   {id, call: 'forget', netns}                 closes what is open in a namespace
 *
 * `netns`: path of the namespace; `inode`: of that file, so that another namespace of this name is noticed. Each call is answered by {id, result} or
 * {id, error}.
 */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import koffi from 'koffi';

const NETNS_DIRECTORY = '/run/netns';
const CLONE_NEWNET = 0x40000000;
const AF_NETLINK = 16;
const AF_INET = 2;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NLMSG_ERROR = 2;
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_CAPPED = 0x100;
const NLMSGERR_ATTR_MSG = 1;
const SIOCGIFINDEX = 0x8933;
const ENODEV = 19;
const ENOBUFS = 105;
/** Namespaces in which something is kept open. */
const PLACES_MAX = 64;
/** nft keeps what it has parsed: a context grows by 1 kB a transaction. */
const NFT_RUNS_MAX = 2_000;

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int, int)');
const socket = libc.func('int socket(int, int, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32_t)');
const send = libc.func('int64_t send(int, void *, size_t, int)');
const recv = libc.func('int64_t recv(int, void *, size_t, int)');
const ioctl = libc.func('int ioctl(int, unsigned long, void *)');
const strerror = libc.func('const char *strerror(int)');

const nftables = koffi.load('libnftables.so.1');
const nftNew = nftables.func('void *nft_ctx_new(uint32_t)');
const nftFree = nftables.func('void nft_ctx_free(void *)');
const nftBufferOutput = nftables.func('int nft_ctx_buffer_output(void *)');
const nftBufferError = nftables.func('int nft_ctx_buffer_error(void *)');
const nftError = nftables.func('const char *nft_ctx_get_error_buffer(void *)');
const nftOutput = nftables.func('const char *nft_ctx_get_output_buffer(void *)');
const nftRun = nftables.func('int nft_run_cmd_from_buffer(void *, const char *)');

const home = openSync('/proc/self/ns/net', 'r');
const answer = Buffer.alloc(1 << 16);
/** By path of the namespace: {inode, route, inet, nft, runs, usedAt}. */
const places = new Map();
let uses = 0;

class KernelError extends Error {}

function refuse(what) {
  throw new KernelError(`${what}: ${strerror(koffi.errno())}`);
}

/** Runs `body` inside the namespace. */
function within(netns, body) {
  const fd = openSync(netns, 'r');
  try {
    if (setns(fd, CLONE_NEWNET) !== 0) refuse(`entering ${netns}`);
  } finally {
    closeSync(fd);
  }
  try {
    return body();
  } finally {
    // Work in the wrong namespace is the worst that can happen.
    if (setns(home, CLONE_NEWNET) !== 0) process.abort();
  }
}

function placeOf({ netns, inode }) {
  const found = places.get(netns);
  if (found !== undefined && found.inode === inode) {
    found.usedAt = ++uses;
    return found;
  }
  forget(netns);
  if (places.size >= PLACES_MAX) forget([...places].sort(([, a], [, b]) => a.usedAt - b.usedAt)[0][0]);
  const place = { netns, inode, usedAt: ++uses, route: undefined, inet: undefined, nft: undefined, runs: 0 };
  places.set(netns, place);
  return place;
}

function forget(netns) {
  const place = places.get(netns);
  if (place === undefined) return;
  places.delete(netns);
  if (place.route !== undefined) closeSync(place.route);
  if (place.inet !== undefined) closeSync(place.inet);
  if (place.nft !== undefined) nftFree(place.nft);
}

function openSocket(netns, family, type, protocol) {
  const fd = within(netns, () => socket(family, type, protocol));
  return fd < 0 ? refuse(`a socket in ${netns}`) : fd;
}

function routeSocket(place) {
  if (place.route === undefined) {
    place.route = openSocket(place.netns, AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
    const on = Buffer.alloc(4);
    on.writeInt32LE(1);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) setsockopt(place.route, SOL_NETLINK, option, on, 4);
  }
  return place.route;
}

/** 0: there is none. */
function indexOf(place, device) {
  place.inet ??= openSocket(place.netns, AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  const request = Buffer.alloc(40);
  request.write(device, 0, 15, 'latin1');
  if (ioctl(place.inet, SIOCGIFINDEX, request) !== 0) return koffi.errno() === ENODEV ? 0 : refuse(`looking for ${device}`);
  return request.readInt32LE(16);
}

/** Sends all groups, whatever fails. Answers [number, error] of each message that failed. */
function route(request) {
  const place = placeOf(request);
  return request.groups.flatMap((group) => routeGroup(place, group)).sort(([a], [b]) => a - b);
}

function routeGroup(place, { messages: bytes, devices, namespaces }) {
  const messages = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const faults = new Map();
  const indexes = new Map();
  for (const [offset, device, number] of devices) {
    let index = indexes.get(device);
    if (index === undefined) {
      index = indexOf(place, device);
      indexes.set(device, index);
    }
    if (index === 0) faults.set(number, `Cannot find device "${device}"`);
    else messages.writeInt32LE(index, offset);
  }
  const opened = [];
  try {
    for (const [offset, name, number] of namespaces) {
      try {
        opened.push(openSync(`${NETNS_DIRECTORY}/${name}`, 'r'));
        messages.writeInt32LE(opened.at(-1), offset);
      } catch {
        faults.set(number, `Error: argument "${name}" is wrong: Invalid "netns" value`);
      }
    }
    const left = faults.size === 0 ? messages : without(messages, faults);
    return [...faults, ...(left.length === 0 ? [] : exchange(routeSocket(place), left))];
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function without(messages, faults) {
  const left = [];
  for (let at = 0; at < messages.length; at += messages.readUInt32LE(at)) {
    if (!faults.has(messages.readUInt32LE(at + 8))) left.push(messages.subarray(at, at + messages.readUInt32LE(at)));
  }
  return Buffer.concat(left);
}

/** The kernel works a buffer off before `send` returns; it answers each error, and the last message in any case. */
function exchange(fd, messages) {
  const last = lastOf(messages);
  messages.writeUInt16LE(messages.readUInt16LE(last + 6) | 0x4, last + 6); // NLM_F_ACK
  const lastNumber = messages.readUInt32LE(last + 8);
  if (send(fd, messages, messages.length, 0) < 0) refuse('sending to the kernel');
  const faults = [];
  for (;;) {
    const length = Number(recv(fd, answer, answer.length, 0));
    if (length < 0) refuse(koffi.errno() === ENOBUFS ? 'the kernel answered too much' : 'reading from the kernel');
    for (let at = 0; at < length; ) {
      const size = answer.readUInt32LE(at);
      if (answer.readUInt16LE(at + 4) === NLMSG_ERROR) {
        const number = answer.readUInt32LE(at + 8);
        const code = answer.readInt32LE(at + 16);
        if (code !== 0) faults.push([number, sentence(-code, at, size)]);
        if (number === lastNumber) return faults;
      }
      at += (size + 3) & ~3;
    }
  }
}

function lastOf(messages) {
  let last = 0;
  for (let at = 0; at < messages.length; at += messages.readUInt32LE(at)) last = at;
  return last;
}

/** As the tools say it, so that both are understood alike. */
function sentence(code, at, size) {
  const flags = answer.readUInt16LE(at + 6);
  const said =
    flags & NLM_F_ACK_TLVS ? words(at + 36 + (flags & NLM_F_CAPPED ? 0 : answer.readUInt32LE(at + 20) - 16), at + size) : undefined;
  return said === undefined ? `RTNETLINK answers: ${strerror(code)}` : `Error: ${said}. (${strerror(code)})`;
}

function words(from, end) {
  for (let at = from; at + 4 <= end; ) {
    const length = answer.readUInt16LE(at);
    if (length < 4) return undefined;
    if ((answer.readUInt16LE(at + 2) & 0x3fff) === NLMSGERR_ATTR_MSG) return answer.toString('utf8', at + 4, at + length - 1);
    at += (length + 3) & ~3;
  }
  return undefined;
}

function nft(request) {
  const place = placeOf(request);
  if (place.nft !== undefined && place.runs >= NFT_RUNS_MAX) {
    nftFree(place.nft);
    place.nft = undefined;
  }
  if (place.nft === undefined) {
    place.nft = within(place.netns, () => nftNew(0)) ?? refuse('a context of nft');
    place.runs = 0;
    nftBufferOutput(place.nft);
    nftBufferError(place.nft);
  }
  place.runs++;
  const code = nftRun(place.nft, request.text);
  const said = nftError(place.nft);
  nftOutput(place.nft); // Reading empties it.
  return code === 0 ? undefined : said.trim() || 'nft refused without a word';
}

function sysctl({ netns, values }) {
  within(netns, () => {
    for (const [file, value] of values) writeFileSync(`/proc/sys/${file}`, value);
  });
}

const CALLS = { route, nft, sysctl, forget: ({ netns }) => forget(netns) };

process.on('message', (request) => {
  let reply;
  try {
    reply = { id: request.id, result: CALLS[request.call](request) };
  } catch (error) {
    if (request.netns !== undefined) forget(request.netns);
    reply = { id: request.id, error: error.message };
  }
  process.send(reply);
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
