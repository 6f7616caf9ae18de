/** What clients of gRPC were promised: `published.proto` may grow, and nothing in it changes. `buf` (buf.yaml) says so, and lints. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WEFT_PROTO } from './weft.proto.ts';

const root = join(import.meta.dirname, '../../../..');

describe('weft.v1', () => {
  const published = readFileSync(join(import.meta.dirname, 'published.proto'), 'utf8');
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-proto-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** What buf finds, a line each: `2:10:Field "2" …`. */
  function buf(command: 'lint' | 'breaking', proto: string): readonly string[] {
    const place = (name: string, text: string) => {
      const file = join(directory, name, 'weft/v1/weft.proto');
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      return join(directory, name);
    };
    const against = command === 'lint' ? [] : ['--against', place('published', published)];
    const args = [command, place('now', proto), ...against, '--config', join(import.meta.dirname, 'buf.yaml')];
    const env = { ...process.env, BUF_CACHE_DIR: join(directory, 'cache') };
    const { stdout, stderr, error } = spawnSync(join(root, 'node_modules/.bin/buf'), args, { encoding: 'utf8', env });
    expect([error, stderr]).toEqual([undefined, '']);
    return stdout
      .trimEnd()
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [line.replace(/^.*weft\.proto:/, '')]));
  }

  it('is clean by the linter, which would say otherwise', () => {
    expect(buf('lint', WEFT_PROTO)).toEqual([]);
    expect(buf('lint', WEFT_PROTO.replace('bool dry_run', 'bool dryRun'))).toEqual([expect.stringContaining('lower_snake_case')]);
  });

  it('keeps what is published, to the number of each field', () => {
    expect(buf('breaking', WEFT_PROTO)).toEqual([]);
    expect(buf('breaking', WEFT_PROTO.replace('string json = 2;', 'string json = 2;\n  string more = 9;'))).toEqual([]);
  });

  it.each([
    ['string json = 2;', 'string json = 7;', 'Previously present field "2" with name "json" on message "CreateRequest" was deleted.'],
    ['string json = 2;', 'bytes json = 2;', 'Field "2" with name "json" on message "CreateRequest" changed type from "string" to "bytes".'],
    ['CAUGHT_UP = 1;', 'CAUGHT_UP = 4;', 'Previously present enum value "1" on enum "What" was deleted.'],
    ['returns (stream Event)', 'returns (Event)', 'RPC "Follow" on service "Events" changed from server streaming to server unary.'],
  ])('would notice %s as %s', (before, after, finding) => {
    expect(buf('breaking', WEFT_PROTO.replace(before, after))).toEqual([expect.stringContaining(finding)]);
  });
});
