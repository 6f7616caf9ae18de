/**
 * What guests and the internet do in the demo, run inside their namespaces:
 *   talk.mjs serve NAME PORT...    each connection is told NAME and where it comes from; then all is sent back
 *   talk.mjs ask ADDRESS PORT N MS N connections one after the other, each given up after MS; a line for each: what it was told, or why not
 *   talk.mjs hold ADDRESS PORT     one connection, that says something each 50 ms until its input ends: a line with what it was told, at its end one of JSON
 */
import { connect, createServer } from 'node:net';

const [verb, first = '', ...rest] = process.argv.slice(2);

const serve = (name, ports) => {
  for (const port of ports) {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.write(`${name} ${socket.remoteAddress?.replace(/^::ffff:/, '')}\n`);
      socket.pipe(socket);
    });
    server.listen(Number(port), '::');
  }
};

const ask = (address, port, patienceMs) =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (line) => {
      socket.destroy();
      resolve(line);
    };
    socket.setTimeout(patienceMs, () => end('no answer'));
    socket.once('data', (data) => end(String(data).trim()));
    socket.once('error', (error) => end(error.code === 'ECONNREFUSED' ? 'refused' : error.code));
  });

const hold = (address, port) => {
  const socket = connect({ host: address, port });
  const told = { who: '', sent: 0, back: 0, ended: null };
  const say = () => {
    told.sent += 1;
    socket.write('.');
  };
  let timer;
  const end = (reason) => {
    clearInterval(timer);
    process.stdout.write(`${JSON.stringify({ ...told, ended: reason })}\n`);
    process.exit(0);
  };
  socket.once('data', (data) => {
    told.who = String(data).trim();
    socket.on('data', (more) => {
      if (told.back === 0) process.stdout.write(`${told.who}\n`);
      told.back += more.length;
    });
    timer = setInterval(say, 50);
  });
  socket.on('error', (error) => end(error.code));
  socket.on('close', () => end('closed'));
  // What is under way may still come.
  process.stdin.on('end', () => {
    clearInterval(timer);
    setTimeout(end, 500, null);
  });
  process.stdin.resume();
};

if (verb === 'serve') serve(first, rest);
else if (verb === 'hold') hold(first, Number(rest[0]));
else {
  const [port, times, patienceMs] = rest.map(Number);
  for (let i = 0; i < times; i++) console.log(await ask(first, port, patienceMs));
}
