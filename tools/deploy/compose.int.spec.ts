import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');

type Service = Readonly<{ command?: string[] | string; healthcheck?: object; ports?: string[]; environment?: Record<string, string> }>;
const compose: Readonly<{ services: Record<string, Service> }> = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), {
  merge: true,
});
const services = Object.entries(compose.services);

const hasCompose = spawnSync('docker-compose', ['version'], { stdio: 'ignore' }).status === 0;

describe('docker-compose.yml', () => {
  (hasCompose ? it : it.skip)(`is accepted by docker-compose${hasCompose ? '' : ' (skipped: docker-compose is not installed)'}`, () => {
    expect(execFileSync('docker-compose', ['-f', 'docker-compose.yml', 'config', '-q'], { cwd: root, encoding: 'utf8' })).toBe('');
  });

  it('runs every app but the command line', () => {
    const apps = readdirSync(join(root, 'apps')).filter((app) => app !== 'weft' && app !== 'console');
    const started = services.flatMap(([, { command }]) => (Array.isArray(command) ? command : []));
    expect(started.sort()).toEqual(apps.map((app) => `apps/${app}/dist/bundle/main.js`).sort());
  });

  it('checks the health of every service', () => {
    expect(services.filter(([, service]) => service.healthcheck === undefined)).toEqual([]);
  });

  it('publishes ports on loopback only, since nothing in it asks who you are', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });
});
