/** The tour for subscribers and the examples, run as they stand there. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectBus, natsTargetOf, startNatsServer } from '@weft/bus';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

/** The tour and one example are made of its calls. */
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const withCurl = hasCurl ? it : it.skip;
const unless = hasCurl ? '' : ' (skipped: no curl)';
const hasNats = spawnSync('nats', ['--version']).status === 0;

const root = join(import.meta.dirname, '../../../..');
const run = promisify(execFile);

let system: System;
let directory: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  system = await startSystem({ domains: weftDomains, provider: 'weft', config: { services: [] } });
  directory = await mkdtemp(join(tmpdir(), 'weft-examples-'));
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(end));
  await system.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Ends a process as Ctrl-C does, and its children. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await ended;
}

function start(command: string, args: readonly string[], env: Record<string, string>): ChildProcess & { readonly said: () => string } {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, WEFT_SERVER: system.url, ...env }, detached: true });
  children.push(child);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return Object.assign(child, { said: () => said });
}

const apis = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default';
const balance = async (name: string) => {
  const spec = { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' }, ports: [{ protocol: 'TCP', port: 80 }] };
  return (await call(system.url, 'POST', `${apis}/loadbalancers`, { metadata: { name }, spec })).code;
};

describe('docs/events.md', () => {
  withCurl(`says what its commands say${unless}`, async () => {
    const blocks = [...readFileSync(join(root, 'docs/events.md'), 'utf8').matchAll(/```(sh|text)\n(.*?)```/gs)].map(([, kind, text]) => ({
      kind,
      text: text as string,
    }));
    const script = blocks.flatMap(({ kind, text }, i) => (kind === 'sh' ? [text, `echo '--- ${i}'`] : []));
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script.join('\n')], {
      env: { ...process.env, WEFT_SERVER: system.url },
    });
    const outputs = stdout.split(/^--- \d+\n/m);
    let at = -1;
    let checked = 0;
    for (const { kind, text } of blocks) {
      if (kind === 'sh') at += 1;
      else {
        for (const line of text.trimEnd().split('\n')) {
          const pattern = line
            .split('…')
            .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
            .join('.*');
          expect(outputs[at]).toMatch(new RegExp(`^${pattern}$`, 'm'));
          checked += 1;
        }
      }
    }
    expect(checked).toBeGreaterThan(8);
  });
});

describe('Examples', () => {
  it('load-balancer-webhook tells what becomes of LoadBalancers, also to a webhook that fails at first, and after a restart', async () => {
    const told: { loadBalancer: string; state: string }[] = [];
    let failures = 2;
    const webhook = await listening((body) => {
      if (failures-- > 0) return 503;
      told.push(JSON.parse(body));
      return 200;
    });
    try {
      const env = { WEBHOOK: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/` };
      await call(system.url, 'POST', `${apis}/networks`, { metadata: { name: 'net' } });
      expect(await balance('web')).toBe(201);
      const states = (name: string) => told.filter(({ loadBalancer }) => loadBalancer === `default/${name}`).map(({ state }) => state);
      const first = start(process.execPath, ['tools/run.mjs', 'examples/load-balancer-webhook/main.ts'], env);
      await until(
        () => `both states: ${first.said()}`,
        () => states('web').includes('not ready'),
      );
      expect(states('web')[0]).toBe('created');
      await end(first);
      const before = told.length;
      await call(system.url, 'DELETE', `${apis}/loadbalancers/web`);
      const second = start(process.execPath, ['tools/run.mjs', 'examples/load-balancer-webhook/main.ts'], env);
      await until(
        () => `the end: ${second.said()}`,
        () => states('web').includes('gone'),
      );
      expect(told.slice(before).map(({ state }) => state)).not.toContain('created');
    } finally {
      webhook.closeAllConnections();
      webhook.close();
    }
  });

  withCurl(`curl/follow.sh prints what happens, and goes on where it was${unless}`, async () => {
    const file = join(directory, 'last');
    const made = (output: string) =>
      [...output.matchAll(/"type":"dev\.weft\.NetworkCreated\.v1","subject":"([^"]*)"/g)].map(([, subject]) => subject);
    const make = (name: string) => call(system.url, 'POST', `${apis}/networks`, { metadata: { name } });
    await make('a');
    const first = start('examples/curl/follow.sh', ['kind=Network&type=NetworkCreated', file], {});
    await until(
      () => `the first: ${first.said()}`,
      () => made(first.said()).length === 1,
    );
    await until('it is noted', async () => (await readFile(file, 'utf8')).includes('-'));
    await end(first);
    await make('b');
    const second = start('examples/curl/follow.sh', ['kind=Network&type=NetworkCreated', file], {});
    await until(
      () => `the second: ${second.said()}`,
      () => made(second.said()).length > 0,
    );
    expect([made(first.said()), made(second.said())]).toEqual([['Network/default/a'], ['Network/default/b']]);
  });

  (hasNats ? it : it.skip)(`nats/follow.sh prints what happens${hasNats ? '' : ' (skipped: no nats command)'}`, async () => {
    const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const nats = await startNatsServer({ directory, log: quiet });
    const target = natsTargetOf(directory);
    const live = await startSystem({ bus: await connectBus({ target, name: 'test', log: quiet }) });
    try {
      const { servers, token } = target();
      const url = String(servers[0]).replace('//', `//${token}@`);
      const child = start('examples/nats/follow.sh', ['weft.events.*.Widget.>'], { WEFT_NATS: url });
      // Nobody tells when it has subscribed.
      let made = 0;
      const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
      await until(
        () => `a line: ${child.said()}`,
        async () => {
          await call(live.url, 'POST', widgets, { metadata: { name: `w${made++}` } });
          return /^\{"specversion":.*"subject":"Widget\/default\/w\d+"/m.test(child.said());
        },
      );
      await end(child);
    } finally {
      await live.stop();
      await nats.stop();
    }
  });
});

function listening(answer: (body: string) => number): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.writeHead(answer(body)).end());
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
