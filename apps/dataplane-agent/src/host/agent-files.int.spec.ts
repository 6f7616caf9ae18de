import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAgentFiles } from './agent-files.ts';

describe('what an agent remembers', () => {
  let directory: string;
  beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'weft-agent-files-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is there after a restart, with the numbers of which something may be left', async () => {
    const [former, identity] = [1, 9].map((index) => ({ host: 'a', index, underlay: 'fd00::1' }));
    const memory = { identity: identity!, storeId: 'store-1', earlier: [former!] };
    const first = await openAgentFiles(directory, 'a', () => 'agent-1');
    await first.save(memory);
    const second = await openAgentFiles(directory, 'a', () => 'agent-2');
    expect([second.agent, await second.load()]).toEqual(['agent-1', memory]);
  });

  it.each([
    ['torn', '{"agent":"agent-1","for'],
    ['of another shape', '{"agent":"agent-1","former":{"identity":{"host":"a","index":9,"underlay":"fd00::1"},"earlier":[{"index":"1"}]}}'],
  ])('is nothing when the file is %s', async (_, text) => {
    await openAgentFiles(directory, 'a', () => 'agent-1');
    await writeFile(join(directory, 'agents', 'a.json'), text);
    const files = await openAgentFiles(directory, 'a', () => 'agent-2');
    expect([files.agent, await files.load()]).toEqual(['agent-2', undefined]);
  });
});
