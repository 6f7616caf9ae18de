/**
 * A process of its own that sends one marked frame and sees where it comes by, with packet sockets in network namespaces. It leaves nothing behind, however it
 * ends: it ends with its parent, and after LIFE_MS at the latest. Plain JavaScript: it is started as it is, without a loader. See live-probe.ts.
 *
 *   {watch: [{place, netns}], mark}         -> {ready: true}; namespaces that are not there are passed over
 *   {id, outside: true}                     -> {id, pid} or {id, error}: from now on it has a namespace of its own, for a device that ends with it
 *   {id, send: {netns, device, frame}}      -> {id} or {id, error}; without netns: from its own, where the device is brought up first
 *   {id, look: true}                        -> {id, seen: [{place, device, leaves, frame}]}, all so far, in order
 */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import koffi from 'koffi';

const LIFE_MS = 20_000;
const LOOK_MS = 5;
const SEEN_MAX = 256;
const CLONE_NEWNET = 0x40000000;
const AF_PACKET = 17;
const RAW_NONBLOCK_CLOEXEC = 3 | 0x800 | 0x80000;
const EVERY_PROTOCOL = 0x0300; // In network byte order.
const OUTGOING = 4;
/** struct sockaddr_ll: device at 4, type of packet at 10. */
const ADDRESS_BYTES = 20;
const SIOCSIFFLAGS = 0x8914;
/** struct ifreq: name at 0, flags at 16. */
const IFREQ_BYTES = 40;
const UP_NOARP = 0x1 | 0x80;

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int, int)');
const unshare = libc.func('int unshare(int)');
const ioctl = libc.func('int ioctl(int, unsigned long, void *)');
const socket = libc.func('int socket(int, int, int)');
const sendto = libc.func('int64_t sendto(int, void *, size_t, int, void *, uint32_t)');
const recvfrom = libc.func('int64_t recvfrom(int, void *, size_t, int, void *, void *)');
const indexOf = libc.func('uint32_t if_nametoindex(const char *)');
const nameOf = libc.func('void *if_indextoname(uint32_t, void *)');
const strerror = libc.func('const char *strerror(int)');

const OWN = '/proc/self/ns/net';
let home = openSync(OWN, 'r');
const watched = [];
const seen = [];
let mark = Buffer.alloc(0);

/** Undefined when there is no such namespace. */
function inside(netns, body) {
  let there;
  try {
    there = openSync(netns, 'r');
  } catch {
    return undefined;
  }
  try {
    return setns(there, CLONE_NEWNET) === 0 ? body() : undefined;
  } finally {
    closeSync(there);
    // Work in the wrong namespace is the worst that can happen.
    if (setns(home, CLONE_NEWNET) !== 0) process.abort();
  }
}

function deviceName(netns, index) {
  const name = Buffer.alloc(16);
  inside(netns, () => nameOf(index, name));
  return name.subarray(0, name.indexOf(0)).toString();
}

function lookAt({ fd, netns, place, names }) {
  const frame = Buffer.alloc(4_096);
  const address = Buffer.alloc(ADDRESS_BYTES);
  const length = Buffer.alloc(4);
  for (;;) {
    length.writeInt32LE(ADDRESS_BYTES);
    const bytes = Number(recvfrom(fd, frame, frame.length, 0, address, length));
    if (bytes < 0) return;
    const found = frame.subarray(0, Math.min(bytes, frame.length));
    if (found.indexOf(mark) < 0 || seen.length >= SEEN_MAX) continue;
    const index = address.readInt32LE(4);
    if (!names.has(index)) names.set(index, deviceName(netns, index));
    seen.push({ place, device: names.get(index), leaves: address[10] === OUTGOING, frame: Buffer.from(found.subarray(0, 256)) });
  }
}

function look() {
  for (const each of watched) lookAt(each);
}

/** Whatever is in it says nothing of its own to the wire. */
function goOutside() {
  if (unshare(CLONE_NEWNET) !== 0) return `a namespace of its own: ${strerror(koffi.errno())}`;
  closeSync(home);
  home = openSync(OWN, 'r');
  writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
  return '';
}

function bringUp(fd, device) {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(device, 0, 15);
  request.writeUInt16LE(UP_NOARP, 16);
  return ioctl(fd, SIOCSIFFLAGS, request) === 0;
}

function send({ netns, device, frame }) {
  const error = inside(netns ?? OWN, () => {
    const fd = socket(AF_PACKET, RAW_NONBLOCK_CLOEXEC, 0);
    const where = netns === undefined ? device : `${device} in ${netns}`;
    if (netns === undefined && !bringUp(fd, device)) return `${where} does not come up: ${strerror(koffi.errno())}`;
    const index = indexOf(device);
    if (fd < 0 || index === 0) return `${where}: ${strerror(koffi.errno())}`;
    const to = Buffer.alloc(ADDRESS_BYTES);
    to.writeUInt16LE(AF_PACKET, 0);
    to.writeUInt16BE(frame.readUInt16BE(12), 2);
    to.writeInt32LE(index, 4);
    const sent = Number(sendto(fd, frame, frame.length, 0, to, ADDRESS_BYTES));
    const why = sent < 0 ? `sending by ${where}: ${strerror(koffi.errno())}` : '';
    closeSync(fd);
    return why;
  });
  return error ?? `there is no namespace ${netns}`;
}

process.on('message', ({ id, watch, mark: text, outside, send: what, look: asked }) => {
  if (watch !== undefined) {
    mark = Buffer.from(text);
    for (const { place, netns } of watch) {
      const fd = inside(netns, () => socket(AF_PACKET, RAW_NONBLOCK_CLOEXEC, EVERY_PROTOCOL));
      if (fd !== undefined && fd >= 0) watched.push({ fd, netns, place, names: new Map() });
    }
    setInterval(look, LOOK_MS);
    process.send({ ready: true });
  } else if (outside === true) {
    const error = goOutside();
    process.send(error === '' ? { id, pid: process.pid } : { id, error });
  } else if (what !== undefined) {
    const error = send({ ...what, frame: Buffer.from(what.frame) });
    process.send(error === '' ? { id } : { id, error });
  } else if (asked === true) {
    look();
    process.send({ id, seen });
  }
});
process.on('disconnect', () => process.exit(0));
setTimeout(() => process.exit(0), LIFE_MS);
