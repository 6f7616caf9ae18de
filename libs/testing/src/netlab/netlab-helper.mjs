/**
 * Runs inside a namespace, by nsenter: `node netlab-helper.mjs echo|call|receive|send …`. It ends when its standard input does, so that neither it nor
 * the namespace outlives the test. It writes JSON lines.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [mode, address, port, hz] = process.argv.slice(2);
process.stdin.on('end', () => process.exit(0)).resume();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const family = address?.includes(':') ? 'udp6' : 'udp4';

if (mode === 'echo') {
  const udp = createSocket(family);
  udp.on('message', (message, from) => udp.send(message, from.port, from.address));
  const tcp = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  udp.bind(Number(port), address, () => tcp.listen(Number(port), address, () => say({ ready: true })));
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

if (mode === 'receive') {
  const seen = new Uint8Array(10_000_000);
  let received = 0;
  let doubled = 0;
  let reordered = 0;
  let highest = -1;
  let lastAt = 0;
  let gapMsMax = 0;
  const udp = createSocket(family);
  udp.on('message', (message) => {
    const number = message.readUInt32BE(0);
    if (number >= seen.length) return;
    const now = performance.now();
    if (lastAt > 0) gapMsMax = Math.max(gapMsMax, now - lastAt);
    lastAt = now;
    if (seen[number]++ > 0) doubled++;
    else received++;
    if (number < highest) reordered++;
    else highest = number;
  });
  udp.bind({ port: Number(port), address, recvBufferSize: 4 << 20 }, () => say({ ready: true }));
  process.stdin.on('data', () => say({ received, doubled, reordered, highest, gapMsMax: Math.round(gapMsMax) }));
}

if (mode === 'send') {
  // A timer cannot keep 1 kHz: each tick sends all datagrams that are due by the clock, also after a long pause of a busy machine.
  const udp = createSocket(family);
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
  process.stdin.on('data', () => {
    stopped = true;
    say({ sent });
  });
  say({ ready: true });
  tick();
}
