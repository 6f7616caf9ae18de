import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { textTerminal } from '../testing/text-terminal.ts';
import { VERSION } from '../version.ts';
import { DONE, NO_ANSWER, NOT_ASKED } from './exit-codes.ts';
import { run } from './program.ts';
import { VERBS } from './verbs.ts';

const NOBODY = { WEFT_SERVER: 'http://127.0.0.1:1' };

async function weft(...words: string[]) {
  const terminal = textTerminal(NOBODY);
  const code = await run(words, terminal);
  return { code, said: terminal.said(), complained: terminal.complained() };
}

describe('weft', () => {
  it('tells what there is when nothing is asked', async () => {
    const told = await weft();
    expect(told).toMatchObject({ code: DONE, complained: '' });
    for (const { name, summary } of VERBS) expect(told.said).toContain(`${name.padEnd(15)}${summary}`);
    expect(told.said).toContain('Exit codes:');
    expect(await weft('help')).toEqual(told);
    expect(await weft('--help')).toEqual(told);
  });

  it.each(VERBS.map(({ name }) => name))('%s has help and a version', async (name) => {
    const help = await weft(name, '--help');
    expect(help).toMatchObject({ code: DONE, complained: '' });
    expect(help.said).toContain(`Usage: weft ${name} `);
    expect(await weft('help', name)).toEqual(help);
    expect(await weft(name, '--version')).toEqual({ code: DONE, said: VERSION, complained: '' });
  });

  it('has the version of its package', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string };
    expect(VERSION).toBe(version);
  });

  it.each([
    [['frob'], "unknown command 'frob'"],
    [['gte'], 'Did you mean get?'],
    [['get', 'networks', '--loud'], "unknown option '--loud'"],
    [['get'], "missing required argument 'what'"],
    [['get', 'networks', '-o', 'xml'], 'Allowed choices are json, yaml, name, wide'],
    [['completion', 'cmd'], 'Allowed choices are bash, zsh, fish, powershell'],
    [['get', 'networks', '--server', 'http://'], '"http://" is no server'],
  ])('refuses %j in words', async (words, why) => {
    const { code, said, complained } = await weft(...words);
    expect([code, said]).toEqual([NOT_ASKED, '']);
    expect(complained).toContain(why);
  });

  it('says what to do when nobody answers', async () => {
    const { code, complained } = await weft('get', 'networks');
    expect(code).toBe(NO_ANSWER);
    expect(complained).toBe(
      'weft: no Weft answers at http://127.0.0.1:1 (ECONNREFUSED): start one with "weft up", or name another with --server or WEFT_SERVER',
    );
  });

  it('tells its own version without a server', async () => {
    expect(await weft('version', '--client')).toMatchObject({ code: DONE, said: expect.stringMatching(`^weft ${VERSION} `) });
    const asked = await weft('version', '-o', 'json');
    expect([asked.code, JSON.parse(asked.said).client]).toEqual([NO_ANSWER, VERSION]);
  });
});
