/** Live probes on this host, for a gateway that traces one through several hosts: each is opened, perhaps sent, looked at, and ended, by a gateway or by the clock. */
import type { Clock, JsonObject, Timer } from '@weft/api';
import { type Driver, type Header, type OpenProbe, type Protocol, portDevice } from '@weft/fabric';

const AT_ONCE_MAX = 4;
/** A gateway that has died ends none. */
const OPEN_MS_MAX = 15_000;

export type LiveProbesOptions = Readonly<{
  driver: Driver;
  clock: Clock;
  /** uids of the interfaces that are placed here. */
  nics: () => Iterable<string>;
}>;

/** `probe`: also while it is being opened. */
type Open = Readonly<{ probe: Promise<OpenProbe>; timer: Timer }>;

export class LiveProbes {
  readonly #options: LiveProbesOptions;
  readonly #open = new Map<number, Open>();

  constructor(options: LiveProbesOptions) {
    this.#options = options;
  }

  /** `{op: 'open' | 'send' | 'look' | 'end', id, …}`. Rejects with what is in the way, for people. */
  async answer(asked: JsonObject): Promise<JsonObject> {
    const { op, id } = asked;
    if (typeof id !== 'number') throw new TypeError('a probe has a number');
    switch (op) {
      case 'open':
        await this.#begin(id, asked);
        return {};
      case 'send': {
        const { nic, header, hopLimit } = asked;
        const sent = { header: header as unknown as Header, hopLimit: Number(hopLimit) };
        await (await this.#opened(id)).send(typeof nic === 'string' ? { nic, ...sent } : sent);
        return {};
      }
      case 'look':
        return this.#seen(id);
      case 'end':
        await this.#end(id);
        return {};
      default:
        throw new TypeError(`a probe is not asked to ${JSON.stringify(op)}`);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((id) => this.#end(id)));
  }

  async #begin(id: number, { vnis, protocol, delivers }: JsonObject): Promise<void> {
    const { driver, clock } = this.#options;
    if (driver.openProbe === undefined) throw new Error('its dataplane is simulated: no packets come by');
    if (this.#open.size >= AT_ONCE_MAX || this.#open.has(id)) throw new Error(`${AT_ONCE_MAX} probes are under way: try again`);
    const routers = Array.isArray(vnis) ? vnis.filter((vni) => typeof vni === 'number') : [];
    const probe = driver.openProbe({ id, vnis: routers, protocol: protocol as Protocol, delivers: delivers === true });
    this.#open.set(id, { probe, timer: clock.after(OPEN_MS_MAX, () => void this.#end(id)) });
    try {
      await probe;
    } catch (error) {
      if (this.#open.get(id)?.probe === probe) await this.#end(id);
      throw error;
    }
  }

  async #seen(id: number): Promise<JsonObject> {
    const { hops, stopped } = await (await this.#opened(id)).look();
    const byDevice = new Map([...this.#options.nics()].map((nic) => [portDevice(nic), nic]));
    const withNic = <T extends { device: string }>(each: T) => {
      const nic = byDevice.get(each.device);
      return { ...each, ...(nic !== undefined && { nic }) };
    };
    return { hops: hops.map(withNic), stopped: stopped.map(withNic) };
  }

  async #opened(id: number): Promise<OpenProbe> {
    const open = this.#open.get(id);
    if (open === undefined) throw new Error('the probe is not open here, or its time is up');
    return open.probe;
  }

  /** One that is being opened ends as soon as it is open; one that could not be is none. */
  async #end(id: number): Promise<void> {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.timer.cancel();
    const probe = await open?.probe.catch(() => undefined);
    await probe?.end();
  }
}
