import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '@weft/testing/waiting';
import { connectBus } from '../nats/nats-bus.ts';
import { freeze, isAlive, keptLog, temporaryDirectory } from '../testing/fixtures.ts';
import { findNatsServer, NatsServerMissingError } from './nats-binary.ts';
import { natsTargetOf } from './nats-directory.ts';
import { type NatsServer, NatsServerStartError, startNatsServer } from './nats-server.ts';
import { identityOf } from './process-identity.ts';

function program(): string | undefined {
  try {
    return findNatsServer(process.env);
  } catch (error) {
    if (error instanceof NatsServerMissingError) return undefined;
    throw error;
  }
}

const isRunning = (pid: string) => identityOf(Number(pid)) !== undefined;

const present = program() !== undefined;
(present ? describe : describe.skip)(present ? 'The child nats-server' : 'The child nats-server (skipped: no nats-server program)', () => {
  const log = keptLog();
  const servers: NatsServer[] = [];
  const children: ChildProcess[] = [];
  let directory = '';

  const start = async (path = directory) => {
    const server = await startNatsServer({ directory: path, log });
    servers.push(server);
    return server;
  };
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
    log.lines.length = 0;
  });

  it('listens on loopback only, behind a token that neither arguments nor other users’ eyes hold', async () => {
    const server = await start();
    const { servers: addresses, token } = natsTargetOf(directory)();
    expect(addresses).toEqual([`nats://127.0.0.1:${server.port}`]);
    expect(token).toMatch(/^[\w-]{32}$/);
    const line = readFileSync(`/proc/${server.pid}/cmdline`, 'utf8');
    expect(line).not.toContain(token);
    expect(JSON.stringify(log.lines)).not.toContain(token);
    for (const name of readdirSync(directory).filter((each) => !/\.(log|ports)$/.test(each))) {
      expect([name, (statSync(join(directory, name)).mode & 0o777).toString(8)]).toEqual([name, '600']);
    }
    const listening = readFileSync('/proc/net/tcp', 'latin1') + readFileSync('/proc/net/tcp6', 'latin1');
    const port = `:${server.port.toString(16).toUpperCase().padStart(4, '0')}`;
    const sockets = listening.split('\n').filter((each) => each.includes(`${port} 0`) && / 0A /.test(each));
    expect(sockets.map((each) => each.trim().split(/\s+/)[1])).toEqual([`0100007F${port}`]);
    const bus = await connectBus({ target: natsTargetOf(directory), name: 'test', log });
    await bus.flush();
    await bus.close();
  });

  it('stays in the process group of its parent', async () => {
    const server = await start();
    const groupOf = (pid: number | undefined) => {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2];
    };
    expect(groupOf(server.pid)).toBe(groupOf(process.pid));
  });

  it('keeps port and token over a stop and a start, and runs no more after the stop', async () => {
    const first = await start();
    const target = natsTargetOf(directory)();
    const pid = first.pid as number;
    await first.stop();
    await first.stop();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(join(directory, 'nats-server.pid.json'))).toBe(false);
    await start();
    expect(natsTargetOf(directory)()).toEqual(target);
  });

  it('takes another port when another program holds its own, and keeps the token', async () => {
    const first = await start();
    const { port } = first;
    const { token } = natsTargetOf(directory)();
    await first.stop();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    try {
      const second = await start();
      expect(second.port).not.toBe(port);
      expect(natsTargetOf(directory)()).toEqual({ servers: [`nats://127.0.0.1:${second.port}`], token });
      await (await connectBus({ target: natsTargetOf(directory), name: 'test', log })).close();
    } finally {
      await new Promise((resolve) => squatter.close(resolve));
    }
  });

  it('is restarted when it dies, each time', async () => {
    const server = await start();
    for (let i = 0; i < 2; i++) {
      const { pid, port } = server;
      process.kill(pid as number, 'SIGKILL');
      await until('the restart', () => server.pid !== pid && server.problem === undefined);
      expect(server.port).toBe(port);
    }
    expect(log.lines.filter(({ level, message }) => level === 'error' && /ended/.test(message))).toHaveLength(2);
  });

  it('is not restarted once its end is expected', async () => {
    const server = await start();
    const pid = server.pid as number;
    server.expectEnd();
    process.kill(pid, 'SIGINT');
    await until('its end', () => !isAlive(pid));
    await server.stop();
    expect(server.pid).toBe(pid);
    expect(log.lines.filter(({ message }) => /the bus server runs/.test(message))).toHaveLength(1);
  });

  it('is not said to have ended where its end is expected right after', async () => {
    const server = await start();
    process.kill(server.pid as number, 'SIGINT');
    await until('its end to be seen', () => server.problem !== undefined);
    server.expectEnd();
    await server.stop();
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is ended although it is frozen', async () => {
    const server = await start();
    await freeze(server.pid as number);
    await server.stop();
    expect(isAlive(server.pid as number)).toBe(false);
  });

  /** A server as a parent leaves it that was killed: same arguments, nobody's child that we know. */
  const orphan = async (recorded: boolean) => {
    const config = join(directory, 'nats-server.conf');
    const child = spawn(program() as string, ['-c', config], { stdio: 'ignore' });
    children.push(child);
    await until('the orphan to run', () => identityOf(child.pid as number) !== undefined);
    const record = join(directory, 'nats-server.pid.json');
    if (recorded) writeFileSync(record, JSON.stringify(identityOf(child.pid as number)));
    else rmSync(record, { force: true });
    return child;
  };

  it('ends with its parent, also when that is killed', async () => {
    const loader = fileURLToPath(new URL('../../../../tools/loader/register.mjs', import.meta.url));
    const parent = fork(fileURLToPath(new URL('../testing/nats-parent.child.ts', import.meta.url)), [directory], {
      execArgv: ['--import', loader],
    });
    children.push(parent);
    const [pid] = (await once(parent, 'message')) as [number];
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await until('the end of the server', () => !isAlive(pid));
  });

  it('leaves nobody behind at a clean end', async () => {
    const server = await start();
    const ours = () => readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(isRunning);
    const guard = ours().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`kill -s KILL ${server.pid}`));
    expect(guard).toBeDefined();
    await server.stop();
    await until('the end of the guard', () => !isRunning(guard as string));
  });

  it.each([true, false])('ends a server that a former run left behind (recorded: %p)', async (recorded) => {
    await (await start()).stop();
    const left = await orphan(recorded);
    const target = natsTargetOf(directory)();
    const server = await start();
    await until('the end of the orphan', () => left.signalCode !== null || left.exitCode !== null);
    expect(server.pid).not.toBe(left.pid);
    expect(natsTargetOf(directory)()).toEqual(target);
  });

  it('ends no other process that got the recorded pid', async () => {
    await (await start()).stop();
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    children.push(stranger);
    await until('the stranger to run', () => identityOf(stranger.pid as number) !== undefined);
    const identity = identityOf(stranger.pid as number);
    writeFileSync(join(directory, 'nats-server.pid.json'), JSON.stringify({ ...identity, startTicks: '1' }));
    await start();
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  });

  it('starts from a directory whose files are damaged', async () => {
    await (await start()).stop();
    for (const name of ['nats-server.json', 'nats-server.conf', 'nats-server.pid.json']) writeFileSync(join(directory, name), '{"port": 7');
    await start();
    await (await connectBus({ target: natsTargetOf(directory), name: 'test', log })).close();
  });

  it('recognises its own server through a symbolic link to the directory', async () => {
    await (await start()).stop();
    const left = await orphan(false);
    const link = `${directory}-link`;
    symlinkSync(directory, link);
    try {
      await start(link);
      await until('the end of the orphan', () => left.signalCode !== null || left.exitCode !== null);
    } finally {
      rmSync(link);
    }
  });

  it('says which package brings the program when it is missing', async () => {
    const missing = startNatsServer({ directory, log, env: { WEFT_NATS_SERVER: '/nowhere/nats-server' } });
    await expect(missing).rejects.toBeInstanceOf(NatsServerMissingError);
    await expect(missing).rejects.toThrow(/\/nowhere\/nats-server.*package nats-server.*apt-get install nats-server/);
  });

  it('says what a program said that does not start', async () => {
    const broken = join(directory, 'broken');
    writeFileSync(broken, '#!/bin/sh\necho "no good today" >&2\nexit 3\n');
    chmodSync(broken, 0o755);
    const failing = startNatsServer({ directory, log, program: broken });
    await expect(failing).rejects.toBeInstanceOf(NatsServerStartError);
    await expect(failing).rejects.toThrow(/exit code 3.*no good today/s);
  });

  it('says so when the program cannot be run at all', async () => {
    const failing = startNatsServer({ directory, log, program: '/nowhere/nats-server' });
    await expect(failing).rejects.toThrow(/cannot be run.*ENOENT/);
  });

  it('is gone when its parent exits without a stop', async () => {
    const parent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { startNatsServer } = await import(${JSON.stringify(join(import.meta.dirname, 'nats-server.ts'))});
         const log = { debug() {}, info() {}, warn() {}, error() {} };
         const server = await startNatsServer({ directory: ${JSON.stringify(directory)}, log });
         console.log(server.pid);
         process.stdin.once('data', () => { throw new Error('a crash') });`,
      ],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    children.push(parent);
    let said = '';
    parent.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until('the server of the other process', () => /^\d+\n/.test(said));
    const pid = Number(said);
    expect(isAlive(pid)).toBe(true);
    parent.stdin?.write('now\n');
    await until('the end of the server', () => !isAlive(pid));
  });
});
