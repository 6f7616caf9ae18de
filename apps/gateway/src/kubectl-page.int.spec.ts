/** docs/kubectl.md is what kubectl prints: an old one and a new one, every command, all kinds (http-api 16). */
import { readFileSync } from 'node:fs';
import { kubectlPage, missing } from './testing/kubectl-page/page.ts';

const suite = missing === undefined ? describe : describe.skip;

suite(`docs/kubectl.md${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('shows what every command of kubectl comes to (npm run kubectl -- --write makes it anew)', async () => {
    expect((await kubectlPage()).split('\n')).toEqual(
      readFileSync(new URL('../../../docs/kubectl.md', import.meta.url), 'utf8').split('\n'),
    );
  }, 300_000);
});
