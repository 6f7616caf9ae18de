/** `weft events` whose connection is lost. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '@weft/testing/waiting';
import { run } from '../cli/program.ts';
import { textTerminal } from '../testing/text-terminal.ts';

const event = (position: number) =>
  `id: ${position}-x\ndata: ${JSON.stringify({ type: 'dev.weft.ThingMade.v1', subject: `Thing/${position}`, time: 't', position: `${position}`, actor: 'a' })}\n\n`;

describe('weft events', () => {
  let server: Server;
  const asked: (string | null)[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('from'));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (asked.length > 1) return void response.write(event(7));
      // Cut off in the middle of the second one, which counts for nothing.
      response.write(`${event(5)}event: progress\nid: 6-x\n\nid: 7-x\ndata: {"ty`, () => response.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('goes on behind the last event that came whole, or what it was told to be read', async () => {
    const terminal = textTerminal({ WEFT_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const following = run(['events', '--from', '3'], terminal);
    await until('the event after the break', () => terminal.said().includes('Thing/7'));
    terminal.end();
    expect(await following).toBe(0);
    expect(asked).toEqual(['3', '6-x']);
    expect(
      terminal
        .said()
        .split('\n')
        .map((line) => line.split(/ {2}/)[3]),
    ).toEqual(['Thing/5', 'Thing/7']);
    expect(terminal.complained()).toMatch(/^weft: no Weft answers at .*; trying again$/);
  });
});
