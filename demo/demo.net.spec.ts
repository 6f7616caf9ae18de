import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSameProcess, type ProcessIdentity } from '@weft/bus';
import { namespaces, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type LabState, savedLab } from './lab.ts';

const root = join(import.meta.dirname, '..');
const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;

describeHere(`The demo${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-spec-of-demo-'));
  const demo = [join(root, 'tools/run.mjs'), join(root, 'demo/main.ts')];
  afterAll(() => {
    spawnSync(process.execPath, [...demo, '--down'], { cwd: directory });
    rmSync(directory, { recursive: true, force: true });
  });

  /** Runs it until its agents are started. */
  async function begin() {
    const running = spawn(process.execPath, demo, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    running.stdout.on('data', (chunk) => {
      said += chunk;
    });
    const made = await until(
      'its agents to be started',
      () => {
        const lab = savedLab(directory);
        return lab?.processes.length === 4 ? lab : undefined;
      },
      90_000,
    );
    expect(namespaces()).toEqual(expect.arrayContaining(made.namespaces));
    return { running, made, said: () => said };
  }

  it('shows what each function lets through, and what becomes of it when something changes', () => {
    const { stdout, status } = spawnSync(process.execPath, demo, { cwd: directory, encoding: 'utf8', timeout: 150_000 });
    expect(stdout.split('\n').filter((line) => line.includes('WRONG'))).toEqual([]);
    expect([status, stdout]).toEqual([0, expect.stringContaining('All as it should be')]);
    expect(savedLab(directory)).toBeUndefined();
  }, 160_000);

  function expectRemoved(made: LabState): void {
    expect(namespaces().filter((name) => made.namespaces.includes(name))).toEqual([]);
    expect(made.processes.filter(isSameProcess)).toEqual([]);
    expect([existsSync(made.directory), savedLab(directory)]).toEqual([false, undefined]);
  }

  it('removes what it made when its terminal is closed meanwhile, as at Ctrl-C', async () => {
    const { running, made, said } = await begin();
    running.kill('SIGHUP');
    expect([await once(running, 'close'), said()]).toEqual([[130, null], expect.stringContaining('Interrupted')]);
    expectRemoved(made);
  }, 120_000);

  it('is removed by --down also when it was killed with everything that it names, and `.weft` was deleted', async () => {
    const { running, made } = await begin();
    const bus = JSON.parse(readFileSync(join(made.directory, 'data/nats/nats-server.pid.json'), 'utf8')) as ProcessIdentity;
    expect(isSameProcess(bus)).toBe(true);
    running.kill('SIGKILL');
    for (const { pid } of made.processes) process.kill(pid, 'SIGKILL');
    rmSync(join(directory, '.weft'), { recursive: true, force: true });
    const { stdout, status } = spawnSync(process.execPath, [...demo, '--down'], { cwd: directory, encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, 'Removed.\n']);
    expectRemoved(made);
    await until('the end of the bus', () => !isSameProcess(bus));
  }, 120_000);
});
