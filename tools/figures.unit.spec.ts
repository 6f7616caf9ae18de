/** docs/operations.md describes every figure that some part of Weft shows. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const FIGURE = /'(weft_[a-z_]+)'/g;
/** `weft_vni_pool_*` stands for all that begin so. */
const DESCRIBED = /`(weft_[a-z_]+)(\*?)[`{]/g;

function figuresOf(directory: string): readonly string[] {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts') && !name.includes('node_modules'))
    .flatMap((name) => [...readFileSync(join(directory, name), 'utf8').matchAll(FIGURE)].map(([, figure]) => figure as string));
}

it('docs/operations.md describes every figure', () => {
  const described = [...readFileSync(join(ROOT, 'docs/operations.md'), 'utf8').matchAll(DESCRIBED)];
  const figures = [...new Set(['libs', 'apps'].flatMap((folder) => figuresOf(join(ROOT, folder))))];
  expect(figures.length).toBeGreaterThan(40);
  const isDescribed = (figure: string) =>
    described.some(([, name = '', rest]) => (rest === '*' ? figure.startsWith(name) : figure === name));
  expect(figures.filter((figure) => !isDescribed(figure))).toEqual([]);
});
