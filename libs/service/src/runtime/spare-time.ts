import type { Position } from '@weft/api';

/** While much happens, it is taken for spare time every so often all the same. */
const PASSED_OVER_MAX = 20;

/** Whether there is time for what nobody waits for, as audits: when the log has not grown since that was asked last. To be asked at each tick. */
export class SpareTime {
  #position: Position | undefined;
  #passedOver = 0;

  /** `position`: how far the log has been read. */
  isNow(position: Position): boolean {
    const rests = this.#position === undefined || position === this.#position;
    this.#position = position;
    if (!rests && ++this.#passedOver < PASSED_OVER_MAX) return false;
    this.#passedOver = 0;
    return true;
  }
}
