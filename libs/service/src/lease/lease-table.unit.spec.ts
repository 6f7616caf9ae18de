import { type Announcement, LEASE_TIMING, LeaseTable } from './lease-table.ts';

const SLOTS = 66;

/** Replicas on one bus with virtual time: announcements arrive after a given delay, and a replica may be frozen for a while. */
class Cluster {
  nowMs = 0;
  readonly replicas = new Map<
    string,
    { table: LeaseTable; frozen: boolean; announcedMs: number; inbox: { atMs: number; message: Announcement }[]; held: Set<number> }
  >();
  readonly #delayMs: number;

  constructor(delayMs = 3) {
    this.#delayMs = delayMs;
  }

  add(name: string, joinInMs: number): void {
    const table = new LeaseTable(name, SLOTS);
    table.joinAt(this.nowMs + joinInMs);
    this.replicas.set(name, { table, frozen: false, announcedMs: -1e9, inbox: [], held: new Set() });
  }

  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 1) {
      for (const [name, replica] of this.replicas) if (!replica.frozen) this.#turn(name);
      this.#checkHolders();
    }
  }

  freeze(name: string, frozen: boolean): void {
    (this.replicas.get(name) as { frozen: boolean }).frozen = frozen;
  }

  held(name: string): number {
    return this.replicas.get(name)?.held.size ?? 0;
  }

  #turn(name: string): void {
    const replica = this.replicas.get(name);
    if (replica === undefined) return;
    while ((replica.inbox[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) {
      replica.table.heard((replica.inbox.shift() as { message: Announcement }).message, this.nowMs);
    }
    if (this.nowMs % 10 !== 0) return;
    const step = replica.table.step(this.nowMs);
    if (step.lost) {
      replica.held.clear();
      replica.table.joinAt(this.nowMs + LEASE_TIMING.validMs);
    }
    for (const slot of step.acquired) replica.held.add(slot);
    for (const slot of step.releasing) {
      replica.held.delete(slot);
      replica.table.released(slot);
    }
    if (!step.announce && this.nowMs - replica.announcedMs < 400) return;
    replica.announcedMs = this.nowMs;
    const message = replica.table.announcement(this.nowMs);
    for (const other of this.replicas.values()) other.inbox.push({ atMs: this.nowMs + this.#delayMs, message });
  }

  /** Of the replicas that take themselves for the holder of a slot, at most one may answer from memory. */
  #checkHolders(): void {
    const answering = new Map<number, string>();
    for (const [name, { table, held }] of this.replicas) {
      if (!table.isValid(this.nowMs)) continue;
      for (const slot of held) {
        const other = answering.get(slot);
        if (other !== undefined) throw new Error(`${other} and ${name} both answer for slot ${slot} at ${this.nowMs} ms`);
        answering.set(slot, name);
      }
    }
  }
}

describe('LeaseTable', () => {
  it('gives everything to a replica that is alone', () => {
    const cluster = new Cluster();
    cluster.add('one', 0);
    cluster.run(100);
    expect(cluster.held('one')).toBe(SLOTS);
  });

  it('shares with a replica that joins, and hands over without overlap', () => {
    const cluster = new Cluster();
    cluster.add('one', 0);
    cluster.run(1_000);
    cluster.add('two', LEASE_TIMING.validMs);
    cluster.run(LEASE_TIMING.validMs + 200);
    expect(cluster.held('one') + cluster.held('two')).toBe(SLOTS);
    expect(cluster.held('two')).toBeGreaterThan(SLOTS / 4);
  });

  it('moves the slots of a silent replica within 3 s, when its right to answer has lapsed', () => {
    const cluster = new Cluster();
    for (const name of ['one', 'two', 'three']) cluster.add(name, name === 'one' ? 0 : LEASE_TIMING.validMs);
    cluster.run(3_000);
    cluster.freeze('two', true);
    cluster.run(3_000);
    expect(cluster.held('one') + cluster.held('three')).toBe(SLOTS);
    // It goes on and still takes itself for the holder, but it may not answer, and it notices that the slots are lost.
    cluster.freeze('two', false);
    cluster.run(5_000);
    expect(cluster.held('one') + cluster.held('two') + cluster.held('three')).toBe(SLOTS);
    expect(cluster.held('two')).toBeGreaterThan(5);
  });

  it('never lets two replicas answer, whichever is frozen, when and for how long', () => {
    for (let seed = 1; seed <= 15; seed++) {
      let state = seed * 7_919;
      const random = (below: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
        return state % below;
      };
      const cluster = new Cluster(1 + random(40));
      const names = ['one', 'two', 'three'];
      cluster.add('one', 0);
      cluster.run(500);
      for (const name of names.slice(1)) cluster.add(name, LEASE_TIMING.validMs + random(50));
      for (let round = 0; round < 12; round++) {
        cluster.run(random(900));
        cluster.freeze(names[random(3)] as string, true);
        cluster.run(random(2_600));
        for (const name of names) cluster.freeze(name, false);
      }
      cluster.run(6_000);
      expect(names.reduce((sum, name) => sum + cluster.held(name), 0)).toBe(SLOTS);
    }
  });

  it('hands over at once when it leaves', () => {
    const cluster = new Cluster();
    cluster.add('one', 0);
    cluster.add('two', LEASE_TIMING.validMs);
    cluster.run(3_000);
    cluster.replicas.get('one')?.table.leave();
    cluster.run(60);
    expect(cluster.held('one')).toBe(0);
    expect(cluster.held('two')).toBe(SLOTS);
  });
});
