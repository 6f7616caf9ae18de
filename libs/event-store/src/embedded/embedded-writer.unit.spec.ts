import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GroupCommit } from '../group-commit.ts';
import { someEvents } from '../testing/fixtures.ts';
import { EmbeddedLog } from './embedded-log.ts';
import { EmbeddedWriter } from './embedded-writer.ts';
import { openEnvironment } from './environment.ts';

describe('EmbeddedWriter', () => {
  it('judges rightly when it remembers fewer streams than a batch touches', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-writer-'));
    const env = openEnvironment(join(directory, 'events.mdb'));
    const writer = new EmbeddedWriter(env, new EmbeddedLog(env, 'events.mdb'), 4);
    const commits = new GroupCommit({ commit: (take) => writer.commit(take), publish: () => {} });
    for (let round = 0; round < 3; round++) {
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, i) => {
          const [stream, revision] = [`Thing-.${i % 20}`, round * 3 + Math.floor(i / 20) - 1];
          return commits.push(stream, revision, someEvents(1));
        }),
      );
      expect(results.map(({ revision }) => Number(revision))).toEqual(Array.from({ length: 60 }, (_, i) => round * 3 + Math.floor(i / 20)));
    }
    await env.root.close();
    rmSync(directory, { recursive: true });
  });
});
