/** `npm run pack`: what it makes is installed without a network, and works where this repository is not. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pack } from './pack.mjs';
import { packClient } from './pack-client.mjs';
import { root } from './setup/places.mjs';

describe('The packed command line', () => {
  let directory = '';
  let bin = '';
  beforeAll(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'weft-packed-')));
    const tarball = await pack(directory);
    const prefix = join(directory, 'prefix');
    const args = ['install', '--global', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `--prefix=${prefix}`, tarball];
    const { status, stderr } = spawnSync('npm', args, {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, HOME: directory, npm_config_cache: join(directory, 'cache') },
    });
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    bin = join(prefix, 'bin');
  }, 300_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function run(name: string, ...words: string[]) {
    const env = {
      PATH: [bin, process.env['PATH']].join(delimiter),
      HOME: directory,
      WEFT_DATA: join(directory, 'data'),
      WEFT_SERVER: '127.0.0.1:1',
    };
    const { status, stdout, stderr } = spawnSync(name, words, { cwd: directory, env, encoding: 'utf8' });
    return { status, stdout: stdout.trimEnd(), stderr: stderr.trimEnd() };
  }

  it('is installed as weft and as a plugin of kubectl', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string };
    for (const name of ['weft', 'kubectl-weft']) expect(run(name, '--version')).toEqual({ status: 0, stdout: version, stderr: '' });
    const kubectl = process.env['WEFT_TEST_KUBECTL_1_35'];
    if (kubectl !== undefined) expect(run(kubectl, 'weft', '--version')).toMatchObject({ status: 0, stdout: version });
    expect(run('kubectl_complete-weft', 'histor')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^history\t.*\n:4$/) });
    expect(run('weft', 'completion', 'bash')).toMatchObject({ status: 0, stdout: expect.stringContaining('weft complete --') });
  });

  it('loads what each command needs', () => {
    expect(run('weft', 'get', 'networks')).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('no Weft answers at http://127.0.0.1:1'),
    });
    // The event store has native parts, and is there.
    expect(run('weft', 'verify')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`there is no event log in ${join(directory, 'data/events')}`),
    });
    expect(existsSync(join(bin, '../lib/node_modules/weft/program/native-kernel.mjs'))).toBe(true);
  });
});

describe('The packed @weft/client', () => {
  let directory = '';
  beforeAll(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'weft-packed-client-')));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('is of use to a TypeScript project that has nothing else of Weft', () => {
    const tarball = packClient(directory);
    const modules = join(directory, 'node_modules');
    mkdirSync(join(modules, '@weft'), { recursive: true });
    expect(spawnSync('tar', ['-xzf', tarball, '-C', directory]).status).toBe(0);
    cpSync(join(directory, 'package'), join(modules, '@weft/client'), { recursive: true });
    // What npm would fetch.
    for (const name of ['@nats-io', '@types']) symlinkSync(join(root, 'node_modules', name), join(modules, name));
    const program = `import { subscribe, type WeftEvent, WeftRefusedError, natsBus } from '@weft/client';
      const handle = (event: WeftEvent): void => console.log(event.subject);
      // @ts-expect-error Says that types are there.
      const wrong: WeftEvent['position'] = 7;
      await natsBus({ servers: 'nats://127.0.0.1:1' }).catch((error: Error) => console.log(error.message.split(':')[0]));
      try { subscribe({ server: 'nowhere', handle }); } catch (error) { console.log(error instanceof WeftRefusedError, error instanceof TypeError); }
    `;
    writeFileSync(join(directory, 'main.ts'), program);
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      strict: true,
      skipLibCheck: true,
      outDir: 'out',
      types: ['node'],
      rootDir: '.',
    };
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
    const run = (...words: string[]) => spawnSync(process.execPath, words, { cwd: directory, encoding: 'utf8' });
    expect(run(join(root, 'node_modules/typescript/bin/tsc'))).toMatchObject({ status: 0, stdout: '' });
    expect(run('out/main.js')).toMatchObject({ status: 0, stdout: 'no NATS server lets this program in at nats\nfalse true\n' });
  });
});
