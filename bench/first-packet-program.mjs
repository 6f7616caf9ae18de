/**
 * Inside a namespace: `send ADDRESS PORT one|many` sends a datagram each millisecond from `go` to `rest`, of one flow or of as many; `receive ADDRESS PORT` says when one came. Times are in
 * milliseconds of the monotonic clock, which all processes of a machine share. It ends with its standard input.
 */
import { createSocket } from 'node:dgram';

const [mode, address, port, flows] = process.argv.slice(2);
const now = () => Number(process.hrtime.bigint()) / 1e6;
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
process.stdin.on('end', () => process.exit(0)).resume();

if (mode === 'send') {
  const open = () => createSocket('udp4').on('error', () => {});
  const kept = open();
  const send = () => {
    const message = Buffer.alloc(8);
    message.writeDoubleBE(now());
    const socket = flows === 'many' ? open() : kept;
    // What has no way now is not sent, and may be the next time.
    socket.send(message, Number(port), address, () => socket !== kept && socket.close());
  };
  // A sender that rests sets no timer. Ten timers of a millisecond, in the session of busy loops, let processes of other sessions wait for seconds:
  // Linux shares time between sessions (docs/measurements.md).
  let timer;
  process.stdin.on('data', (text) => {
    clearInterval(timer);
    if (String(text).includes('go')) timer = setInterval(send, 1);
  });
  say({ ready: 1 });
}

if (mode === 'receive') {
  let armed = false;
  let sent = 0;
  const udp = createSocket({ type: 'udp4', reuseAddr: true });
  udp.on('message', (message) => {
    sent = message.readDoubleBE(0);
    if (armed) say({ first: now() });
    armed = false;
  });
  process.stdin.on('data', (text) => {
    if (String(text).includes('arm')) armed = true;
    else say({ last: sent });
  });
  udp.bind(Number(port), address, () => say({ ready: 1 }));
}
