import { NotDoneError } from '@weft/api';
import { type Stock, Supply } from './supply.ts';

/** Hands out numbers; draws `chunk` at a time, when it is allowed to. */
class Numbers implements Stock {
  size = 0;
  draws = 0;
  fails = false;
  #next = 0;
  readonly #chunk: number;
  constructor(chunk: number) {
    this.#chunk = chunk;
  }
  get wantsMore(): boolean {
    return this.size < this.#chunk / 2;
  }
  take(): string | undefined {
    return this.size-- > 0 ? String(this.#next++) : undefined;
  }
  async refill(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.fails) throw new Error('the store is away');
    this.draws++;
    this.size += this.#chunk;
  }
}

const nothing = async () => ({});

describe('Supply', () => {
  it('lets in no more creations than find a number', async () => {
    const stock = new Numbers(4);
    const supply = new Supply(stock, nothing);
    const taken = await Promise.all(
      Array.from({ length: 30 }, async () => {
        await supply.enter();
        await new Promise((resolve) => setImmediate(resolve)); // Its claims.
        const number = supply.take();
        supply.leave();
        return number;
      }),
    );
    expect(new Set(taken).size).toBe(30);
    expect(taken).not.toContain(undefined);
  });

  it('draws ahead, so that most creations do not wait', async () => {
    const supply = new Supply(new Numbers(100), nothing);
    await supply.enter();
    expect(supply.enter()).toBeUndefined();
  });

  it('tells that nothing was done when numbers cannot be drawn, and goes on when they can', async () => {
    const stock = new Numbers(4);
    const supply = new Supply(stock, nothing);
    stock.fails = true;
    await expect(supply.enter()).rejects.toThrow(NotDoneError);
    stock.fails = false;
    await supply.enter();
    expect(supply.take()).toBe('0');
  });
});
