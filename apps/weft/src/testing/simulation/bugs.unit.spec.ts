import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { BUGS } from './bugs.ts';

describe('Each deliberate bug', () => {
  it.each(BUGS)('still has its place in the code: $name', ({ file, from, to }) => {
    const source = readFileSync(resolve(import.meta.dirname, '../../../../..', file), 'utf8');
    // Compiled code has no types, and arrows without spaces; texts are chosen so that this makes no difference.
    expect(source.split(from)).toHaveLength(2);
    expect(from).not.toContain('=>');
    expect(to).not.toBe(from);
  });
});
