/** TCP and UDP between namespaces: servers that tell whom they see, calls one after the other, and connections that stay. */
import { Inside } from './inside.ts';
import { must } from './run.ts';

const SERVER = `
  const { createServer } = require('node:net');
  const { createSocket } = require('node:dgram');
  const [name] = process.argv.slice(1);
  let waits = 4;
  const ready = () => { if (--waits === 0) console.log('{"ready":1}'); };
  process.stdin.on('end', () => process.exit()).resume();
  for (const host of ['0.0.0.0', '::']) {
    createServer((socket) => socket.on('data', (text) => socket.write([name, socket.remoteAddress.replace('::ffff:', ''), socket.remotePort].join(' ').padEnd(text[0] === 76 ? 100000 : 0))).on('error', () => {}))
      .listen({ host, port: 80, ipv6Only: host === '::' }, ready);
    const udp = createSocket({ type: host === '::' ? 'udp6' : 'udp4', ipv6Only: host === '::' });
    udp.on('message', (text, from) => udp.send([name, from.address, from.port, text.length].join(' '), from.port, from.address));
    udp.bind(80, host, ready);
  }`;

const CLIENT = `
  const { connect } = require('node:net');
  const { createSocket } = require('node:dgram');
  const call = ({ protocol, src, srcPort, dst, dstPort, size = 10, large = false, waitMs = 2000 }) => new Promise((done) => {
    const timer = setTimeout(() => end('no answer'), waitMs);
    let close = () => {};
    const end = (result) => { clearTimeout(timer); close(); done(result); };
    if (protocol === 'TCP') {
      const socket = connect({ host: dst, port: dstPort, localPort: srcPort, localAddress: src });
      close = () => (socket.connecting ? socket.destroy() : socket.resetAndDestroy());
      let all = '';
      socket.on('connect', () => socket.write(large ? 'L' : 'x')).on('data', (text) => { all += text; if (!large || all.length >= 100000) end(all.trim()); }).on('error', ({ code }) => end(code));
    } else {
      const socket = createSocket(dst.includes(':') ? 'udp6' : 'udp4');
      close = () => socket.close();
      socket.on('error', ({ code }) => end(code)).on('message', (text, from) => end(from.address === dst ? String(text) : 'from ' + from.address));
      socket.bind({ port: srcPort, address: src }, () => socket.connect(dstPort, dst, () => socket.send(Buffer.alloc(size))));
    }
  });
  (async () => {
    const results = [];
    for (const each of JSON.parse(process.argv[1])) results.push(await call(each));
    console.log(JSON.stringify(results));
    process.exit();
  })();`;

const HOLDER = `
  const { connect } = require('node:net');
  const [host, port] = process.argv.slice(1);
  const socket = connect({ host, port: Number(port) }, () => console.log('{"connected":1}'));
  socket.on('data', (text) => console.log(JSON.stringify({ answered: 1, text: String(text) }))).on('error', () => process.exit());
  process.stdin.on('data', () => socket.write('x')).on('end', () => process.exit());`;

/** `size`: bytes of a datagram. `large`: asks for an answer of 100,000 bytes, on TCP. */
export type Call = Readonly<{
  protocol: 'TCP' | 'UDP';
  src?: string;
  srcPort?: number;
  dst: string;
  dstPort: number;
  size?: number;
  large?: boolean;
  waitMs?: number;
}>;

/** Answers there on TCP and UDP port 80 with its name, the address and the port that it sees, and on UDP with the length too, until the lab ends; on TCP, at length where that is asked for. */
export async function serveIn(netns: string, name: string): Promise<void> {
  await new Inside(netns, [process.execPath, '-e', SERVER, name]).answer('ready');
}

/** One call after the other, each with what was answered, or why nothing was: `no answer`, `ECONNREFUSED`. */
export async function callFrom(netns: string, list: readonly Call[]): Promise<readonly string[]> {
  return JSON.parse(await must(netns, [process.execPath, '-e', CLIENT, JSON.stringify(list)])) as string[];
}

/** A TCP connection that stays: each line that is written to it gives an `answered`. */
export async function holdFrom(netns: string, host: string, port = 80): Promise<Inside> {
  const holder = new Inside(netns, [process.execPath, '-e', HOLDER, host, String(port)]);
  await holder.answer('connected');
  return holder;
}
