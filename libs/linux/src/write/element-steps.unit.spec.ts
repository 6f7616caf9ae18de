import type { EntryObject, NftSection } from '@weft/fabric';
import { elementSteps, inSteps } from './element-steps.ts';

const sections = new Map<string, NftSection>(
  (
    [
      { kind: 'nft', name: 'pairs', key: ['mark'], value: ['verdict'], looked: 'first' },
      { kind: 'nft', name: 'ports', key: ['mark'], looked: 'then' },
      { kind: 'nft', name: 'spans', key: ['mark'], interval: true, looked: 'then' },
      { kind: 'nft', name: 'members', key: ['ipv4_addr'], value: ['mark'] },
    ] as const
  ).map((section) => [section.name, section]),
);
const entry = (section: string, key: string, value = ''): EntryObject => ({
  ...{ kind: 'entry', scope: 'r300', section, key, value, owner: 'n', position: '1' },
});
const steps = (remove: readonly EntryObject[], put: readonly EntryObject[]) => elementSteps({ remove, put }, sections);
const [exact, open] = [entry('pairs', '7', 'goto exact'), entry('pairs', '7', 'accept')];

describe('Steps of a change of elements', () => {
  it('let ports come before the pair that sends packets to them, and go after it', () => {
    const [one, other] = [entry('ports', '7 . 80'), entry('ports', '7 . 81')];
    expect(steps([exact, one], [open, other])).toEqual([
      { remove: [], put: [other] },
      { remove: [exact], put: [open] },
      { remove: [one], put: [] },
    ]);
  });
  it('are one where members change too, or one section alone', () => {
    const [one, member] = [entry('ports', '7 . 80'), entry('members', '10.0.0.1', '7')];
    expect(steps([exact, one, member], [open])).toHaveLength(1);
    expect(steps([exact], [open])).toEqual([{ remove: [exact], put: [open] }]);
  });
  it('change ranges at once that may overlap, and elements that are both', () => {
    const [before, after, port] = [entry('spans', '7 . 1-9'), entry('spans', '7 . 5-12'), entry('ports', '7 . 80')];
    expect(steps([before, port, exact], [after, port, open])).toEqual([{ remove: [before, port, exact], put: [after, port, open] }]);
  });
  it.each([0, 1, 2])('leave everything as it was where the kernel refuses number %i', async (refused) => {
    const [one, other] = [entry('ports', '7 . 80'), entry('ports', '7 . 81')];
    const kernel = new Set([exact, one]);
    let count = 0;
    const said = await inSteps(steps([exact, one], [open, other]), async ({ remove, put }) => {
      if (count++ === refused) return 'no memory';
      for (const each of remove) kernel.delete(each);
      for (const each of put) kernel.add(each);
      return undefined;
    });
    expect([said, kernel]).toEqual(['no memory', new Set([exact, one])]);
  });
});
