/**
 * What creations take from a stock that was drawn ahead of need (`KindModule.draws`), so that they cost no append of their own for it. The stock
 * belongs to one time of holding a partition: nothing drawn before is ever handed out.
 */
import { type JsonObject, NotDoneError } from '@weft/api';

/** Resolves with the grants once the reservation is durable; rejects on a refusal or a fault. */
export type Reserve = (stream: string, command: JsonObject & { type: string }) => Promise<JsonObject>;

/** The domain's stock of one partition. */
export interface Stock {
  readonly size: number;
  readonly wantsMore: boolean;
  take(): string | undefined;
  /** Draws more. Safe to repeat after any failure. */
  refill(reserve: Reserve): Promise<void>;
}

/** More creations than this cannot be under way, so as many refills are enough. */
const REFILLS_MAX = 16;

export class Supply {
  readonly #stock: Stock;
  readonly #reserve: Reserve;
  #refilling: Promise<void> | undefined;
  /** Creations that were let in and have not ended: each may still take one. */
  #promised = 0;

  constructor(stock: Stock, reserve: Reserve) {
    this.#stock = stock;
    this.#reserve = reserve;
  }

  /** Resolves when one more creation will find what it takes; it must `leave` in the end. Synchronous (undefined) when it is there. */
  enter(): Promise<void> | undefined {
    if (this.#stock.wantsMore) this.#refill().catch(() => {}); // Whoever needs it tries again, and is told.
    if (this.#stock.size > this.#promised) {
      this.#promised++;
      return undefined;
    }
    return this.#wait();
  }

  leave(): void {
    this.#promised--;
  }

  take(): string | undefined {
    return this.#stock.take();
  }

  async #wait(): Promise<void> {
    for (let attempt = 0; attempt < REFILLS_MAX; attempt++) {
      if (this.#stock.size > this.#promised) {
        this.#promised++;
        return;
      }
      try {
        await this.#refill();
      } catch (cause) {
        throw new NotDoneError(`numbers cannot be drawn: ${(cause as Error).message}`, { cause });
      }
    }
    throw new NotDoneError('more numbers are wanted than can be drawn at once');
  }

  #refill(): Promise<void> {
    return (this.#refilling ??= this.#stock.refill(this.#reserve).finally(() => {
      this.#refilling = undefined;
    }));
  }
}
