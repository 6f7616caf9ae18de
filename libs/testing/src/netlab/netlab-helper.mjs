/**
 * Runs inside a namespace, by nsenter: `node netlab-helper.mjs echo|call|receive|send|raw|frames|machine …`. It ends when its standard input does, so that neither it nor
 * the namespace outlives the test. It writes JSON lines.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const [mode, address, port, hz, ownPort] = process.argv.slice(2);
process.stdin.on('end', () => process.exit(0)).resume();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const family = address?.includes(':') ? 'udp6' : 'udp4';
/** One that cannot be bound ends this process: with a callback, `bind` would keep that to itself. */
const udpSocket = () =>
  createSocket({ type: family, recvBufferSize: 4 << 20 }).on('error', (error) => {
    throw error;
  });

if (mode === 'echo') {
  const udp = udpSocket();
  const dropped = () => say({ overflowed: overflowed(udp) });
  // What cannot be sent now (no route, a rule) is lost, as it would be on the way; without a callback it would end this process.
  udp.on('message', (message, from) => udp.send(message, from.port, from.address, () => {}));
  const tcp = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  udp.bind(Number(port), address, () => tcp.listen(Number(port), address, () => say({ ready: true })));
  process.stdin.on('data', dropped);
}

if (mode === 'call') {
  const outcome = { tcp: false, udp: false };
  const done = () => outcome.tcp && outcome.udp && say({ called: 1 });
  const tcp = connect(Number(port), address, () => tcp.write('hello'));
  tcp.on('error', () => {}).on('data', () => done((outcome.tcp = true)));
  const udp = createSocket(family);
  udp.on('message', () => done((outcome.udp = true)));
  udp.send('hello', Number(port), address, () => {});
}

/** More are not told. */
const GAPS_MAX = 1_000;

/** Counts numbered datagrams of a socket; gives what says how many, or, asked for `gaps`, which ones are missing, and when they were. */
function counted(udp) {
  const seen = new Uint8Array(10_000_000);
  let received = 0;
  let doubled = 0;
  let reordered = 0;
  let highest = -1;
  let lastAt = 0;
  let gapMsMax = 0;
  const gaps = [];
  udp.on('message', (message) => {
    const number = message.readUInt32BE(0);
    if (number >= seen.length) return;
    const now = performance.now();
    if (lastAt > 0) gapMsMax = Math.max(gapMsMax, now - lastAt);
    if (number > highest + 1 && gaps.length < GAPS_MAX)
      gaps.push({ first: highest + 1, last: number - 1, ms: lastAt > 0 ? now - lastAt : 0, untilMs: performance.timeOrigin + now });
    lastAt = now;
    if (seen[number]++ > 0) doubled++;
    else received++;
    if (number < highest) reordered++;
    else highest = number;
  });
  const missing = ({ first, last }) => seen.subarray(first, last + 1).reduce((sum, times) => sum + (times === 0 ? 1 : 0), 0);
  return (text) => {
    if (String(text).includes('gaps')) say({ gaps: gaps.map((gap) => ({ ...gap, lost: missing(gap) })).filter(({ lost }) => lost > 0) });
    else say({ received, doubled, reordered, highest, gapMsMax: Math.round(gapMsMax), overflowed: overflowed(udp) });
  };
}

/** Datagrams that found the socket full: what the kernel counts for its port (proc(5), the last field of a line). */
function overflowed(udp) {
  const port = udp.address().port.toString(16).toUpperCase().padStart(4, '0');
  const lines = readFileSync(`/proc/self/net/${family === 'udp6' ? 'udp6' : 'udp'}`, 'latin1').split('\n');
  const own = lines.map((line) => line.trim().split(/\s+/)).filter(([, local]) => local?.endsWith(`:${port}`));
  return own.reduce((sum, fields) => sum + Number(fields.at(-1)), 0);
}

if (mode === 'receive') {
  const udp = udpSocket();
  const count = counted(udp);
  udp.bind({ port: Number(port), address }, () => say({ ready: true }));
  process.stdin.on('data', count);
}

if (mode === 'send') {
  // A timer cannot keep 1 kHz: each tick sends all datagrams that are due by the clock, also after a long pause of a busy machine.
  const udp = udpSocket();
  const count = counted(udp); // Of answers.
  const start = performance.now();
  let sent = 0;
  let stopped = false;
  const tick = () => {
    if (stopped) return;
    const due = Math.floor(((performance.now() - start) * Number(hz)) / 1000);
    for (let burst = 0; sent < due && burst < 50; burst++) {
      const message = Buffer.alloc(32);
      message.writeUInt32BE(sent++, 0);
      udp.send(message, Number(port), address, () => {});
    }
    setTimeout(tick, 1);
  };
  process.stdin.on('data', (text) => {
    if (!String(text).includes('stop')) return count(text);
    stopped = true;
    say({ sent });
  });
  udp.bind(Number(ownPort ?? 0), () => {
    say({ ready: true });
    tick();
  });
}

if (mode === 'raw') {
  // Raw sockets of all protocols: kernels of guests speak no SCTP, and a test wants to choose ports. {"to", "protocol", "hex"} on standard input is sent.
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int, int, int)');
  const sendto = libc.func('int64_t sendto(int, void *, size_t, int, void *, uint32_t)');
  const recv = libc.func('int64_t recv(int, void *, size_t, int)');
  const [INET, INET6, RAW, DONTWAIT] = [2, 10, 3 | 0x80000, 0x40];
  const sockets = new Map();
  for (const protocol of address.split(',').map(Number)) {
    for (const [of, inet] of [
      ['v4', INET],
      ['v6', INET6],
    ])
      sockets.set(`${of} ${protocol}`, socket(inet, RAW, protocol));
  }
  const bytesOf = (to) => {
    const name = Buffer.alloc(to.length === 32 ? 28 : 16);
    name.writeUInt16LE(to.length === 32 ? INET6 : INET, 0);
    name.write(to, to.length === 32 ? 8 : 4, 'hex');
    return name;
  };
  let rest = '';
  process.stdin.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const { to, protocol, hex } = JSON.parse(line);
      const [name, message] = [bytesOf(to), Buffer.from(hex, 'hex')];
      sendto(sockets.get(`${to.length === 32 ? 'v6' : 'v4'} ${protocol}`), message, message.length, 0, name, name.length);
    }
  });
  const buffer = Buffer.alloc(4_096);
  setInterval(() => {
    for (const [of, fd] of sockets) {
      for (let length = 1; length > 0; ) {
        length = Number(recv(fd, buffer, buffer.length, DONTWAIT));
        if (length > 0) say({ heard: 1, protocol: Number(of.slice(3)), hex: buffer.subarray(0, length).toString('hex') });
      }
    }
  }, 5);
  say({ ready: true });
}

if (mode === 'frames') {
  // Whole frames on the device `address`: a line of hex on standard input is sent, and each that comes is said.
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int, int, int)');
  const bind = libc.func('int bind(int, void *, uint32_t)');
  const send = libc.func('int64_t send(int, void *, size_t, int)');
  const recvfrom = libc.func('int64_t recvfrom(int, void *, size_t, int, void *, void *)');
  const indexOf = libc.func('uint32_t if_nametoindex(const char *)');
  const [PACKET, RAW, ALL, DONTWAIT, OUTGOING] = [17, 3 | 0x80000, 0x0300, 0x40, 4];
  const fd = socket(PACKET, RAW, ALL);
  const name = Buffer.alloc(20); // struct sockaddr_ll: family, protocol, index of the device, …, kind of packet at 10.
  name.writeUInt16LE(PACKET, 0);
  name.writeUInt16LE(ALL, 2);
  name.writeUInt32LE(indexOf(address), 4);
  if (bind(fd, name, name.length) !== 0) throw new Error(`${address} cannot be bound`);
  let rest = '';
  process.stdin.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const frame of lines.map((line) => Buffer.from(line, 'hex'))) send(fd, frame, frame.length, 0);
  });
  const [buffer, from, size] = [Buffer.alloc(65_536), Buffer.alloc(20), Buffer.alloc(4)];
  setInterval(() => {
    for (let length = 1; length > 0; ) {
      size.writeUInt32LE(from.length, 0);
      length = Number(recvfrom(fd, buffer, buffer.length, DONTWAIT, from, size));
      if (length > 0 && from[10] !== OUTGOING) say({ frame: buffer.subarray(0, length).toString('hex') });
    }
  }, 5);
  say({ ready: true });
}

if (mode === 'machine') {
  // A virtual machine in the least: the TAP device `address` of this namespace at its one end, the device `eth0` of the namespace `port` at the other. What comes from
  // the one is written to the other.
  const { default: koffi } = await import('koffi');
  const { closeSync, constants, openSync, readSync, writeSync } = await import('node:fs');
  const libc = koffi.load('libc.so.6');
  const setns = libc.func('int setns(int, int)');
  const ioctl = libc.func('int ioctl(int, unsigned long, ...)');
  const [NEWNET, TUNSETIFF, TAP_NO_PI] = [0x40000000, 0x400454ca, 0x1002];
  const attach = (name) => {
    const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    const request = Buffer.alloc(40);
    request.write(name);
    request.writeInt16LE(TAP_NO_PI, 16);
    if (ioctl(fd, TUNSETIFF, 'void *', request) !== 0) throw new Error(`${name} cannot be opened`);
    return fd;
  };
  const ends = [attach(address)];
  const netns = openSync(`/run/netns/${port}`, 'r');
  if (setns(netns, NEWNET) !== 0) throw new Error(`${port} cannot be entered`);
  closeSync(netns);
  ends.push(attach('eth0'));
  const frame = Buffer.alloc(65_536);
  const pass = (from, to) => {
    try {
      for (;;) writeSync(to, frame, 0, readSync(from, frame));
    } catch (error) {
      // Nothing more to read; or the device is down, and the frame lost.
      if (!['EAGAIN', 'EIO', 'EBADFD'].includes(error.code)) throw error;
    }
  };
  setInterval(() => {
    pass(ends[0], ends[1]);
    pass(ends[1], ends[0]);
  }, 1);
  say({ ready: true });
}
