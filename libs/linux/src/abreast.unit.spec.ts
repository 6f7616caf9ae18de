import { abreast } from './abreast.ts';

describe('Work on several networks', () => {
  it('ends with a failure only when nothing is under way any more, and begins nothing after it', async () => {
    const begun: string[] = [];
    let finish = (): void => {};
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let ended = false;
    const work = abreast(['slow', 'broken', 'next'], async (name) => {
      begun.push(name);
      if (name === 'broken') throw new Error('the kernel does not answer');
      await slow;
    }).finally(() => {
      ended = true;
    });
    work.catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
    finish();
    await expect(work).rejects.toThrow('the kernel does not answer');
    expect(begun).toEqual(['slow', 'broken']);
  });

  it('works on each', async () => {
    const done: number[] = [];
    await abreast([1, 2, 3, 4, 5], async (each) => void done.push(each));
    expect(done).toEqual([1, 2, 3, 4, 5]);
  });
});
