/** Lines for `ip` or `bridge`, each with the object it serves, so that a refused line becomes a fault of that object and of no other. */
import type { LineFault } from '../kernel/kernel-access.ts';

/** Removing what is gone already, and making what is there. */
export const GONE =
  /No such process|No such file or directory|No such device|Cannot find device|Address not found|Cannot assign requested address|FIB table does not exist/;
export const THERE = /File exists/;

export class LineBatch {
  readonly #lines: { key: string; text: string; harmless: RegExp | undefined }[] = [];

  /** `harmless`: a refusal that means that nothing is left to do. */
  add(key: string, text: string, harmless?: RegExp): this {
    this.#lines.push({ key, text, harmless });
    return this;
  }

  /** Runs all lines; the first refusal of each key, with the line that met it. */
  async run(send: (lines: readonly string[]) => Promise<readonly LineFault[]>): Promise<ReadonlyMap<string, string>> {
    const faults = new Map<string, string>();
    if (this.#lines.length === 0) return faults;
    for (const { line, detail } of await send(this.#lines.map((each) => each.text))) {
      const { key, text, harmless } = this.#lines[line]!;
      if (!harmless?.test(detail) && !faults.has(key)) faults.set(key, `${text}: ${detail}`);
    }
    return faults;
  }
}
