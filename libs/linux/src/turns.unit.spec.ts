import { Turns } from './turns.ts';

describe('Turns', () => {
  /** Work by name, done when told; what has begun, in order. */
  function given() {
    const turns = new Turns();
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const take = (name: string, ...shares: string[]) =>
      turns.take(shares.length === 0 ? undefined : shares, () => {
        begun.push(name);
        return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
      });
    const end = async (name: string): Promise<void> => {
      ends.get(name)?.();
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    };
    return { turns, begun, take, end };
  }

  it('go one after another where something is shared, and beside each other elsewhere', async () => {
    const { begun, take, end } = given();
    void take('first', 'r1');
    void take('behind it', 'r1', 'r2');
    void take('behind both', 'r2');
    void take('beside them', 'r3');
    await end('');
    expect(begun).toEqual(['first', 'beside them']);
    await end('first');
    expect(begun).toEqual(['first', 'beside them', 'behind it']);
    await end('behind it');
    expect(begun.at(-1)).toBe('behind both');
  });

  it('go alone when they share everything, and a failure holds nobody back', async () => {
    const { turns, begun, take, end } = given();
    const failed = turns.take(['r1'], () => Promise.reject(new Error('no')));
    void take('before', 'r2');
    void take('alone');
    void take('after', 'r3');
    await expect(failed).rejects.toThrow('no');
    await end('');
    expect(begun).toEqual(['before']);
    await end('before');
    expect(begun).toEqual(['before', 'alone']);
    const idle = turns.idle();
    await end('alone');
    await end('after');
    await idle;
    expect(begun).toEqual(['before', 'alone', 'after']);
  });
});
