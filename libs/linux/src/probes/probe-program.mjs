/**
 * A process of its own that asks targets of balancers whether they serve, from inside network namespaces. It ends when its parent does. Plain JavaScript: it is
 * started as it is, without a loader. See prober.ts.
 *
 *   {id, netns, protocol, ip, port, timeoutMs} -> {id, ok}
 *
 * `netns`: path of the namespace. TCP: a connection comes about. UDP: anything comes back to an empty datagram. ICMP: an echo request is answered.
 * Sockets never block: all of them are looked at every few milliseconds while there are some.
 */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const CLONE_NEWNET = 0x40000000;
const [AF_INET, AF_INET6] = [2, 10];
const [SOCK_STREAM, SOCK_DGRAM, SOCK_RAW] = [1, 2, 3];
const NONBLOCK_CLOEXEC = 0x800 | 0x80000;
const [IPPROTO_ICMP, IPPROTO_ICMPV6] = [1, 58];
const SOL_SOCKET = 1;
const [SO_ERROR, SO_LINGER] = [4, 13];
const [POLLIN, POLLOUT, POLLERR, POLLHUP] = [1, 4, 8, 16];
const EINPROGRESS = 115;
const LOOK_MS = 5;

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int, int)');
const socket = libc.func('int socket(int, int, int)');
const connect = libc.func('int connect(int, void *, uint32_t)');
const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32_t)');
const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)');
const send = libc.func('int64_t send(int, void *, size_t, int)');
const recv = libc.func('int64_t recv(int, void *, size_t, int)');
const poll = libc.func('int poll(void *, unsigned long, int)');

const home = openSync('/proc/self/ns/net', 'r');
const answer = Buffer.alloc(2_048);
/** By file: what is asked there. */
const asked = new Map();
let isLooking = false;
let echoes = 0;

function socketIn(netns, family, type, protocol) {
  const fd = openSync(netns, 'r');
  try {
    if (setns(fd, CLONE_NEWNET) !== 0) return -1;
  } finally {
    closeSync(fd);
  }
  const found = socket(family, type | NONBLOCK_CLOEXEC, protocol);
  // Work in the wrong namespace is the worst that can happen.
  if (setns(home, CLONE_NEWNET) !== 0) process.abort();
  return found;
}

/** struct sockaddr_in or sockaddr_in6. */
function addressOf(bytes, port) {
  const isV4 = bytes.length === 4;
  const address = Buffer.alloc(isV4 ? 16 : 28);
  address.writeUInt16LE(isV4 ? AF_INET : AF_INET6, 0);
  address.writeUInt16BE(port, 2);
  Buffer.from(bytes).copy(address, isV4 ? 4 : 8);
  return address;
}

function begin({ id, netns, protocol, ip, port = 0, timeoutMs }) {
  const family = ip.length === 4 ? AF_INET : AF_INET6;
  const [type, number] =
    protocol === 'TCP'
      ? [SOCK_STREAM, 0]
      : protocol === 'UDP'
        ? [SOCK_DGRAM, 0]
        : [SOCK_RAW, family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6];
  const fd = socketIn(netns, family, type, number);
  if (fd < 0) return tell(id, false);
  const to = addressOf(ip, protocol === 'ICMP' ? 0 : port);
  const connected = connect(fd, to, to.length) === 0;
  if (!connected && !(protocol === 'TCP' && koffi.errno() === EINPROGRESS)) return end(fd, id, false);
  const echo = ++echoes & 0xffff;
  if (protocol === 'UDP' && send(fd, answer, 0, 0) < 0) return end(fd, id, false);
  if (protocol === 'ICMP' && send(fd, echoRequest(family, echo), 8, 0) < 0) return end(fd, id, false);
  asked.set(fd, { id, protocol, family, echo, untilMs: performance.now() + timeoutMs });
  if (isLooking) return;
  isLooking = true;
  setTimeout(look, LOOK_MS);
}

function echoRequest(family, echo) {
  const request = Buffer.alloc(8);
  request.writeUInt8(family === AF_INET ? 8 : 128, 0);
  request.writeUInt16BE(process.pid & 0xffff, 4);
  request.writeUInt16BE(echo, 6);
  // The kernel fills in that of ICMPv6.
  let sum = 0;
  for (let at = 0; at < 8; at += 2) sum += request.readUInt16BE(at);
  if (family === AF_INET) request.writeUInt16BE(~((sum & 0xffff) + (sum >> 16)) & 0xffff, 2);
  return request;
}

function look() {
  const files = [...asked.keys()];
  const list = Buffer.alloc(8 * files.length);
  for (const [at, fd] of files.entries()) {
    list.writeInt32LE(fd, 8 * at);
    list.writeInt16LE(asked.get(fd).protocol === 'TCP' ? POLLOUT : POLLIN, 8 * at + 4);
  }
  poll(list, files.length, 0);
  const nowMs = performance.now();
  for (const [at, fd] of files.entries()) {
    const { id, untilMs, ...of } = asked.get(fd);
    const outcome = outcomeOf(fd, list.readInt16LE(8 * at + 6), of);
    if (outcome === undefined && nowMs < untilMs) continue;
    asked.delete(fd);
    end(fd, id, outcome === true);
  }
  isLooking = asked.size > 0;
  if (isLooking) setTimeout(look, LOOK_MS);
}

/** Undefined: not yet. */
function outcomeOf(fd, events, { protocol, family, echo }) {
  if (events === 0) return undefined;
  if (protocol === 'TCP') {
    const [error, size] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32LE(4);
    return (events & (POLLERR | POLLHUP)) === 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, error, size) === 0 && error.readInt32LE() === 0;
  }
  for (;;) {
    const length = Number(recv(fd, answer, answer.length, 0));
    if (length < 0) return (events & POLLERR) === 0 ? undefined : false;
    if (protocol === 'UDP') return true;
    const from = family === AF_INET ? (answer[0] & 15) * 4 : 0; // The header of IPv4 comes with it.
    const isAnswer = answer[from] === (family === AF_INET ? 0 : 129) && answer.readUInt16BE(from + 4) === (process.pid & 0xffff);
    if (isAnswer && answer.readUInt16BE(from + 6) === echo) return true;
  }
}

function end(fd, id, ok) {
  // A target should not keep a connection that has said all it was for.
  const linger = Buffer.alloc(8);
  linger.writeInt32LE(1);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, linger, 8);
  closeSync(fd);
  tell(id, ok);
}

function tell(id, ok) {
  process.send({ id, ok });
}

process.on('message', (request) => {
  try {
    begin(request);
  } catch {
    tell(request.id, false); // The namespace has gone.
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
