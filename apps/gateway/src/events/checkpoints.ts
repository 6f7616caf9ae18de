/** How far subscribers have come, by name. */
import type { Caller } from '../http/request.ts';
import { type KeptState, KeptStates } from './kept-states.ts';

/** `cursor`: of the last event that is done. */
export type Checkpoint = Readonly<{ name: string; cursor: string; time: string; actor: string }>;

export class Checkpoints {
  readonly #kept: KeptStates;

  constructor(dependencies: ConstructorParameters<typeof KeptStates>[1]) {
    this.#kept = new KeptStates('Checkpoint', dependencies);
  }

  async read(name: string): Promise<Checkpoint | undefined> {
    const kept = await this.#kept.read(name);
    return kept && checkpointOf(name, kept);
  }

  /**
   * Durable once it resolves. It may go back, too: then events are delivered again. The same again changes nothing. `previous`: where it was, if that was
   * somewhere else: whoever has not left it there learns that another one uses this name.
   */
  async save(name: string, { cursor }: Pick<Checkpoint, 'cursor'>, caller: Caller): Promise<Checkpoint & { previous?: string }> {
    let previous: string | undefined;
    const kept = await this.#kept.change(name, caller, (present) => {
      const before = present?.data['cursor'] as string | undefined;
      previous = before === cursor ? undefined : before;
      return present !== undefined && before === cursor ? present.data : { cursor };
    });
    return { ...checkpointOf(name, kept as KeptState), ...(previous !== undefined && { previous }) };
  }

  async delete(name: string, caller: Caller): Promise<void> {
    await this.#kept.change(name, caller, () => undefined);
  }
}

function checkpointOf(name: string, { data, time, actor }: KeptState): Checkpoint {
  return { name, cursor: data['cursor'] as string, time, actor };
}
