import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../docs/adr');

describe('docs/adr/README.md', () => {
  it('lists each decision once, in order of their numbers', () => {
    const files = readdirSync(folder).filter((name) => /^\d{4}-/.test(name));
    const listed = [...readFileSync(join(folder, 'README.md'), 'utf8').matchAll(/^\| (\d+) \| \[.+\]\((\d{4}-.+\.md)\) \|$/gm)];
    expect(listed.map(([, , file]) => file)).toEqual(files.sort());
    for (const [, number = '', file = ''] of listed) expect(file).toMatch(new RegExp(`^0*${number}-`));
  });
});
