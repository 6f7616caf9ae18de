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

  /** Durable once it resolves. It may go back, too: then events are delivered again. The same again changes nothing. */
  async save(name: string, { cursor }: Pick<Checkpoint, 'cursor'>, caller: Caller): Promise<Checkpoint> {
    const kept = await this.#kept.change(name, caller, (present) => (present?.data['cursor'] === cursor ? present.data : { cursor }));
    return checkpointOf(name, kept as KeptState);
  }

  async delete(name: string, caller: Caller): Promise<void> {
    await this.#kept.change(name, caller, () => undefined);
  }
}

function checkpointOf(name: string, { data, time, actor }: KeptState): Checkpoint {
  return { name, cursor: data['cursor'] as string, time, actor };
}
