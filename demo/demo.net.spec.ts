import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSameProcess } from '@weft/bus';
import { namespaces, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import type { LabState } from './lab.ts';

const root = join(import.meta.dirname, '..');
const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;

describeHere(`The demo${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-demo-spec-'));
  const demo = [join(root, 'tools/run.mjs'), join(root, 'demo/main.ts')];
  afterAll(() => {
    spawnSync(process.execPath, [...demo, '--down'], { cwd: directory });
    rmSync(directory, { recursive: true, force: true });
  });

  it('removes what it made when its terminal is closed meanwhile, as at Ctrl-C', async () => {
    const running = spawn(process.execPath, demo, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    running.stdout.on('data', (chunk) => {
      said += chunk;
    });
    const state = join(directory, '.weft/demo.json');
    const made = await until(
      'its agents to be started',
      () => {
        const lab = existsSync(state) && (JSON.parse(readFileSync(state, 'utf8')) as LabState);
        return lab && lab.processes.length === 4 ? lab : undefined;
      },
      90_000,
    );
    expect(namespaces()).toEqual(expect.arrayContaining(made.namespaces));
    running.kill('SIGHUP');
    expect([await once(running, 'close'), said]).toEqual([[130, null], expect.stringContaining('Interrupted')]);
    expect(namespaces().filter((name) => made.namespaces.includes(name))).toEqual([]);
    expect(made.processes.filter(isSameProcess)).toEqual([]);
    expect(existsSync(state)).toBe(false);
  }, 120_000);
});
