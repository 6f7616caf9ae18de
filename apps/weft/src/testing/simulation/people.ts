/** People who ask for things and look at them, through whichever gateway is there, and repeat what got no answer. */
import type { ObjectCommand, Reply } from '@weft/api';
import { below, type Random } from '@weft/testing';
import type { Faults } from './faults.ts';
import { keyOfCommand, type Observer } from './observer.ts';
import { textOf } from './rest.ts';
import { type Scheduler, WORLD } from './scheduler.ts';
import { uuidOf } from './sim-process.ts';
import type { SimService } from './sim-service.ts';

const ATTEMPTS_MAX = 6;
const ATTEMPT_MS_MAX = 11_000;
const SUCCESSION_TRIES = 10;
const SUCCESSION_MS = 100;

export type PeopleOptions = Readonly<{
  scheduler: Scheduler;
  faults: Faults;
  observer: Observer;
  /** Those that run. */
  services: () => readonly SimService[];
}>;

export class People {
  /** Nobody begins anything new, until all have their answers. */
  isHushed = false;
  /** All is to come to rest. */
  isCalm = false;
  readonly #scheduler: Scheduler;
  readonly #faults: Faults;
  readonly #observer: Observer;
  readonly #services: () => readonly SimService[];
  /** Those whose last word is still due. */
  #waiting = 0;

  constructor({ scheduler, faults, observer, services }: PeopleOptions) {
    this.#scheduler = scheduler;
    this.#faults = faults;
    this.#observer = observer;
    this.#services = services;
  }

  get areWaiting(): boolean {
    return this.#waiting > 0;
  }

  /** Sends a command until its outcome is known, under one request id, through whichever gateway is there; gives up at last, as people do. Status of a refusal. */
  async ask(command: ObjectCommand, random: Random): Promise<number | undefined> {
    this.#waiting++;
    this.#faults.count('command');
    const requestId = uuidOf(random);
    const since = this.#observer.position;
    let refusal: number | undefined;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (attempt > 0) {
        this.#faults.count('repeat');
        await this.#pause(200 + below(random, 1_500));
      }
      const reply = await this.#through<Reply>(random, (service) => service.send(command, requestId));
      if (reply === undefined || (!reply.ok && reply.retry !== 'no')) continue;
      this.#faults.count(reply.ok ? 'command accepted' : 'command refused');
      this.#scheduler.trace(`${requestId} ${textOf(reply)}`);
      this.#observer.judge(command, requestId, reply, since);
      if (!reply.ok) refusal = reply.status.code;
      if (below(random, 3) === 0) await this.#readOf(keyOfCommand(command), random);
      break;
    }
    this.#waiting--;
    return refusal;
  }

  /** One after the other: again as long as what is to be replaced is still there, and never when all is to come to rest. */
  async askInTurn(commands: readonly ObjectCommand[], random: Random): Promise<void> {
    for (const command of commands) {
      for (let tries = 0; tries < SUCCESSION_TRIES && !this.isCalm; tries++) {
        if ((await this.ask(command, random)) !== 409) break;
        await this.#pause(SUCCESSION_MS);
      }
    }
  }

  async read(random: Random): Promise<void> {
    const living = [...this.#observer.check.fold.all()];
    const state = living[below(random, living.length)];
    if (state === undefined) return;
    this.#waiting++;
    await this.#readOf(state.key, random);
    this.#waiting--;
  }

  async #readOf(key: Parameters<SimService['read']>[0], random: Random): Promise<void> {
    const since = this.#observer.position;
    const answer = await this.#through(random, (service) => service.read(key));
    if (answer === undefined) return;
    this.#faults.count('read');
    this.#observer.judgeRead(key, answer.position, since);
  }

  /** Undefined when no answer comes in time. */
  #through<T>(random: Random, call: (service: SimService) => Promise<T | undefined>): Promise<T | undefined> {
    const able = this.#services().filter(({ view }) => view !== undefined);
    const service = able[below(random, able.length)];
    if (service === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const late = this.#scheduler.after(ATTEMPT_MS_MAX, WORLD, 'somebody gives up', () => resolve(undefined));
      const answered = (answer: T | undefined) =>
        this.#scheduler.after(this.#faults.way(), WORLD, 'answer to somebody', () => {
          late.cancel();
          resolve(answer);
        });
      this.#scheduler.after(this.#faults.way(), service.process, 'somebody asks', () => void call(service).then(answered));
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#scheduler.after(ms, WORLD, 'somebody waits', resolve));
  }
}
