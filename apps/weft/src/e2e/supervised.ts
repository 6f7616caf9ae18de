/** `weft up --processes` as a child process, and the children that it has. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';
import { isReady } from './api.ts';
import { descendantsOf, type Started, type Workspace } from './processes.ts';

export const READY_MS_MAX = 90_000;

/** Starts it on the data of the workspace; the host is called `here`. Resolves when it is ready. */
export async function startProcesses(workspace: Workspace, url: string, ...args: readonly string[]): Promise<Started> {
  const env = { WEFT_HTTP: new URL(url).host, WEFT_DATA: join(workspace.directory, 'data'), WEFT_HOST: 'here' };
  const started = workspace.program('weft', ['apps/weft/src/main.ts', 'up', '--processes', ...args], { env });
  const ended = started.exited.then((code) => {
    throw new Error(`weft ended (${code}) before it was ready`);
  });
  await Promise.race([ended, until(`readiness of ${url}`, () => isReady(url), READY_MS_MAX)]);
  ended.catch(() => {});
  return started;
}

/** Pid of the child that runs an app. */
export async function childOf(started: Started, app: string): Promise<number> {
  const pid = await findChild(started, app);
  if (pid === undefined) throw new Error(`no ${app} runs`);
  return pid;
}

/** The same, undefined while there is none. */
export async function findChild(started: Started, app: string): Promise<number | undefined> {
  for (const pid of descendantsOf(started.pid)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(`/${app}/`) || line.includes(`/${app}.js`)) return pid;
  }
  return undefined;
}
