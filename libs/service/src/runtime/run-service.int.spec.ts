import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const loader = fileURLToPath(new URL('../../../../tools/loader/register.mjs', import.meta.url));

describe('A service that a supervisor started', () => {
  let child: ChildProcess | undefined;
  afterEach(() => void child?.kill('SIGKILL'));

  it('ends by itself when the supervisor was lost before it had started', async () => {
    child = fork(fileURLToPath(new URL('../testing/late-starter.child.ts', import.meta.url)), { execArgv: ['--import', loader] });
    await once(child, 'message');
    const ended = once(child, 'exit');
    child.disconnect();
    expect(await ended).toEqual([0, null]);
  });
});
