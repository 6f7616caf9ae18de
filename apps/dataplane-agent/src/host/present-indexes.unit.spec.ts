import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { presentHostIndexes } from './present-indexes.ts';

describe('host indexes that are present on a machine', () => {
  it('are read from the names of its namespaces, each once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'weft-indexes-'));
    try {
      for (const name of ['weft-7-r200', 'weft-7-r201', 'weft-12-r200', 'weftguest-7', 'other', 'weft-x-r1'])
        await mkdir(join(directory, name));
      expect(await presentHostIndexes(directory, '/dev/null')).toEqual([7, 12]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('are none where no namespace was ever named', async () => {
    expect(await presentHostIndexes(join(tmpdir(), 'weft-no-such-directory'), '/dev/null')).toEqual([]);
  });
});
