import fc from 'fast-check';
import { type Announcement, LEASE_TIMING, LeaseTable } from './lease-table.ts';

const SLOTS = 66;
const { validMs } = LEASE_TIMING;
const STEP_EVERY_MS = 10;

type Replica = {
  readonly name: string;
  readonly table: LeaseTable;
  /** Of what it sends, and of what it receives; a message never overtakes another one on its link. */
  upMs: number;
  downMs: number;
  readonly up: { atMs: number; message: Announcement }[];
  readonly down: { atMs: number; message: Announcement }[];
  /** Replicas of the other side hear nothing of it, and do not know of that: servers of the bus that are split. */
  side: number;
  frozen: boolean;
  connected: boolean;
  dead: boolean;
  announcedMs: number;
  releases: { slot: number; atMs: number }[];
  /** What it works on; a number for each holding. */
  readonly held: Map<number, number>;
};

/**
 * Replicas on one bus with virtual time. The bus delivers in one order, late or not at all: each link has its delay, and what is sent while a link is cut is
 * lost. Replicas freeze, with what arrives meanwhile waiting for them, and are cut off, and know of that when they are back.
 */
class Cluster {
  nowMs = 0;
  check = true;
  readonly replicas: Replica[] = [];
  /** Of slots that a replica was told to have lost. */
  losses = 0;
  readonly #slots: number;
  #holdings = 0;
  #lastConnectedMs = Number.NEGATIVE_INFINITY;

  constructor(slots = SLOTS) {
    this.#slots = slots;
  }

  add(name: string): Replica {
    const table = new LeaseTable(name, this.#slots);
    const links = { upMs: 3, downMs: 3, up: [], down: [], side: 0 };
    const life = { frozen: false, connected: true, dead: false, announcedMs: -1e9, releases: [], held: new Map<number, number>() };
    const replica: Replica = { name, table, ...links, ...life };
    this.replicas.push(replica);
    this.#listen(replica);
    return replica;
  }

  /** As `Leases` does: without waiting where nobody else is, or was just now. */
  #listen({ name, table }: Replica): void {
    const isAlone = this.replicas.every((other) => other.name === name || !other.connected);
    table.settleAt(this.nowMs + (isAlone && this.nowMs - this.#lastConnectedMs > validMs ? 0 : validMs));
  }

  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 1) {
      for (const replica of this.replicas) if (replica.connected) this.#carry(replica);
      for (const replica of this.replicas) if (!replica.frozen && !replica.dead) this.#turn(replica);
      this.#checkHolders();
    }
  }

  cut(replica: Replica): void {
    replica.connected = false;
    replica.up.length = replica.down.length = 0;
    replica.table.missed();
    this.#lastConnectedMs = this.nowMs;
  }

  mend(replica: Replica): void {
    if (replica.connected || replica.dead) return;
    replica.connected = true;
    this.#listen(replica);
  }

  kill(replica: Replica): void {
    replica.dead = true;
    replica.connected = false;
    replica.up.length = replica.down.length = 0;
    replica.held.clear();
    this.#lastConnectedMs = this.nowMs;
  }

  get all(): number {
    return this.replicas.reduce((sum, { held }) => sum + held.size, 0);
  }

  /** What the server takes now goes to all that are connected, in one order. */
  #carry({ up, side: from }: Replica): void {
    for (let next = up[0]; next !== undefined && next.atMs <= this.nowMs; next = up[0]) {
      up.shift();
      for (const { connected, down, downMs, side } of this.replicas) {
        if (connected && side === from) down.push({ atMs: Math.max(down.at(-1)?.atMs ?? 0, this.nowMs + downMs), message: next.message });
      }
    }
  }

  #turn(replica: Replica): void {
    const { table, down, releases } = replica;
    // After a freeze its timers may come before its messages.
    if (this.nowMs % STEP_EVERY_MS === 0) this.#step(replica);
    for (let next = down[0]; next !== undefined && next.atMs <= this.nowMs; next = down[0]) {
      down.shift();
      table.heard(next.message, this.nowMs);
      this.#step(replica);
      this.#checkHolders(); // It may answer between two messages.
    }
    for (let next = releases[0]; next !== undefined && next.atMs <= this.nowMs; next = releases[0]) {
      releases.shift();
      if (replica.held.delete(next.slot)) table.released(next.slot);
    }
  }

  #step(replica: Replica): void {
    const { table, held } = replica;
    const step = table.step(this.nowMs);
    for (const slot of step.lost) {
      if (held.delete(slot)) this.losses++;
      replica.releases = replica.releases.filter((release) => release.slot !== slot);
    }
    for (const slot of step.acquired) held.set(slot, ++this.#holdings);
    for (const slot of step.releasing) replica.releases.push({ slot, atMs: this.nowMs + (slot % 3) * 7 });
    if (!step.announce && this.nowMs - replica.announcedMs < 400) return;
    replica.announcedMs = this.nowMs;
    const message = table.announcement(this.nowMs);
    if (replica.connected) replica.up.push({ atMs: Math.max(replica.up.at(-1)?.atMs ?? 0, this.nowMs + replica.upMs), message });
  }

  /** Of the replicas that take themselves for the holder of a slot, at most one may answer from memory. */
  #checkHolders(): void {
    if (!this.check) return;
    const answering = new Map<number, string>();
    for (const { name, table, held, frozen } of this.replicas) {
      if (frozen) continue;
      for (const slot of held.keys()) {
        if (!table.isValid(slot, this.nowMs)) continue;
        const other = answering.get(slot);
        if (other !== undefined) throw new Error(`${other} and ${name} both answer for slot ${slot} at ${this.nowMs} ms`);
        answering.set(slot, name);
      }
    }
  }
}

function validSlots({ table, held }: Replica, nowMs: number): number {
  return [...held.keys()].filter((slot) => table.isValid(slot, nowMs)).length;
}

describe('LeaseTable', () => {
  let cluster: Cluster;
  beforeEach(() => {
    cluster = new Cluster();
  });
  const three = () => {
    const replicas = ['one', 'two', 'three'].map((name) => cluster.add(name));
    cluster.run(4_000);
    return replicas as [Replica, Replica, Replica];
  };

  it('gives everything to a replica that is alone', () => {
    const one = cluster.add('one');
    cluster.run(100);
    expect(one.held.size).toBe(SLOTS);
  });

  it('shares with a replica that joins, and hands over without overlap', () => {
    const one = cluster.add('one');
    cluster.run(1_000);
    const two = cluster.add('two');
    cluster.run(validMs + 200);
    expect(one.held.size + two.held.size).toBe(SLOTS);
    expect(two.held.size).toBeGreaterThan(SLOTS / 4);
    expect(cluster.losses).toBe(0);
  });

  it('moves the slots of a silent replica within 3 s, and that one steps back when it wakes', () => {
    const [one, two, other] = three();
    const before = two.held.size;
    two.frozen = true;
    cluster.run(3_000);
    expect(one.held.size + other.held.size).toBe(SLOTS);
    two.frozen = false;
    cluster.run(20);
    expect(cluster.losses).toBe(before);
    cluster.run(3_000);
    expect(cluster.all).toBe(SLOTS);
    expect(two.held.size).toBe(before);
  });

  it('suspends answers while no announcement comes back, however long, and goes on with the same holdings', () => {
    const one = cluster.add('one');
    cluster.run(1_000);
    const holdings = new Map(one.held);
    one.downMs = 20_000;
    cluster.run(validMs + 500);
    expect(validSlots(one, cluster.nowMs)).toBe(0);
    expect(one.table.suspendedMs(cluster.nowMs)).toBeGreaterThan(0);
    one.downMs = 3;
    cluster.run(25_000);
    expect(validSlots(one, cluster.nowMs)).toBe(SLOTS);
    expect(new Map(one.held)).toEqual(holdings);
  });

  it('loses nothing when all replicas stand still, or are cut off, at once', () => {
    const replicas = three();
    const holdings = replicas.map(({ held }) => new Map(held));
    for (const replica of replicas) replica.frozen = true;
    cluster.run(10_000);
    for (const replica of replicas) replica.frozen = false;
    cluster.run(2_000);
    for (const replica of replicas) cluster.cut(replica);
    cluster.run(10_000);
    for (const replica of replicas) cluster.mend(replica);
    cluster.run(2_000);
    expect(replicas.map(({ held }) => new Map(held))).toEqual(holdings);
    expect(cluster.losses).toBe(0);
    expect(replicas.reduce((sum, replica) => sum + validSlots(replica, cluster.nowMs), 0)).toBe(SLOTS);
  });

  it('answers nothing after a cut before it has listened for as long as another may answer, and then claims anew what it holds', () => {
    const [one, two] = three();
    cluster.cut(one);
    cluster.run(50);
    cluster.mend(one);
    cluster.run(validMs - 20);
    // What came back before the cut counts for its time; nothing newer does.
    expect(one.table.announcement(cluster.nowMs).claims).toBe('0');
    cluster.run(200);
    expect(validSlots(one, cluster.nowMs)).toBe(one.held.size);
    expect(validSlots(two, cluster.nowMs)).toBe(two.held.size);
    expect(cluster.losses).toBe(0);
  });

  it('takes messages that wait for it for no silence of the others', () => {
    const [one, two] = three();
    const held = two.held.size;
    one.downMs = 2_500; // As if its socket were not read.
    cluster.run(6_000);
    one.downMs = 3;
    cluster.run(4_000);
    expect(two.held.size).toBe(held);
    expect(cluster.losses).toBe(0);
  });

  it('loses what another one took while it was cut off, and that one was frozen when it came back', () => {
    const [one, two] = [cluster.add('one'), cluster.add('two')];
    cluster.run(3_000);
    const before = two.held.size;
    cluster.cut(two);
    cluster.run(3_000);
    expect(one.held.size).toBe(SLOTS);
    one.frozen = true;
    cluster.run(50);
    cluster.mend(two);
    cluster.run(2_000);
    expect(validSlots(two, cluster.nowMs)).toBe(before);
    one.frozen = false;
    cluster.run(100);
    expect(one.held.size).toBe(SLOTS - before);
  });

  it('forgets at a cut what it was about to take', () => {
    const [one, two] = [cluster.add('one'), cluster.add('two')];
    cluster.run(3_000);
    one.table.leave();
    two.upMs = 50; // So that its claims are on their way for a while.
    cluster.run(40);
    expect(BigInt(`0x${two.table.announcement(cluster.nowMs).claims}`)).not.toBe(0n);
    cluster.kill(one);
    const held = two.held.size;
    cluster.cut(two);
    const three = cluster.add('three');
    cluster.run(validMs + 2_500);
    expect(three.held.size).toBe(SLOTS);
    cluster.mend(two);
    cluster.run(8_000);
    expect(cluster.losses).toBe(held);
    expect(cluster.all).toBe(SLOTS);
  });

  it('does not take the echo of an older claim for that of the present one', () => {
    const table = new LeaseTable('one', SLOTS);
    table.settleAt(0);
    table.step(0);
    const first = table.announcement(0);
    table.heard({ replica: 'two', seq: 1, phase: 'member', holds: '0', claims: '0' }, 1);
    table.step(1); // Some are now for the other one, and are withdrawn.
    table.announcement(1);
    table.heard({ replica: 'two', seq: 2, phase: 'leaving', holds: '0', claims: '0' }, 2);
    table.step(2);
    const again = table.announcement(2);
    table.heard(first, 3);
    const { acquired } = table.step(3);
    expect(acquired.length).toBeLessThan(SLOTS);
    table.heard(again, 4);
    expect(acquired.length + table.step(4).acquired.length).toBe(SLOTS);
  });

  it('gives each slot to one again after the bus was split', () => {
    const replicas = three();
    replicas[0].side = 1;
    expect(() => cluster.run(4_000)).toThrow(/both answer/); // What the revisions of the store are for.
    cluster.check = false;
    cluster.run(4_000);
    expect(cluster.all).toBe(2 * SLOTS);
    replicas[0].side = 0;
    cluster.run(2_000);
    cluster.check = true;
    cluster.run(1_000);
    expect(cluster.all).toBe(SLOTS);
    expect(replicas.reduce((sum, replica) => sum + validSlots(replica, cluster.nowMs), 0)).toBe(SLOTS);
  });

  it('hands over at once when it leaves', () => {
    const [one, two, other] = three();
    one.table.leave();
    cluster.run(60);
    expect(one.held.size).toBe(0);
    expect(two.held.size + other.held.size).toBe(SLOTS);
  });

  describe('alone', () => {
    it('holds everything without a word, and needs no proof', () => {
      const table = new LeaseTable('one', SLOTS);
      table.beAlone();
      expect(table.step(0)).toMatchObject({ announce: false, acquired: { length: SLOTS } });
      expect(table.step(3_600_000)).toEqual({ acquired: [], releasing: [], lost: [], announce: false });
      expect(table.isValid(3, 3_600_000)).toBe(true);
      table.missed();
      expect(table.isValid(3, 3_600_000)).toBe(true);
    });

    it('becomes a member like others when another one is heard all the same', () => {
      const one = cluster.add('one');
      one.table.beAlone();
      cluster.run(5_000);
      expect(one.held.size).toBe(SLOTS);
      const two = cluster.add('two');
      cluster.run(validMs + 300);
      expect(one.held.size + two.held.size).toBe(SLOTS);
      expect(two.held.size).toBeGreaterThan(SLOTS / 4);
      expect(cluster.losses).toBe(0);
    });
  });

  it('obeys a replica of the version before, which announces what it took without saying that it claims it', () => {
    const table = new LeaseTable('new', SLOTS);
    table.settleAt(0);
    table.step(0);
    table.heard(table.announcement(0), 3);
    expect(table.step(3).acquired).toHaveLength(SLOTS);
    const old: Announcement = { replica: 'old', seq: 1, phase: 'member', holds: '3' };
    table.heard(old, 500);
    expect(table.step(500).lost).toEqual([]); // While we can prove what we hold, it only has not heard of it yet.
    table.heard(old, validMs + 1);
    expect(table.step(validMs + 1).lost).toEqual([0, 1]);
  });

  it('never lets two replicas answer for a slot, and gives every slot to one again, whatever is slow, frozen, cut off, killed and added', () => {
    const slots = 6; // Enough for each to have some, and few enough for many histories.
    const which = fc.nat(3);
    const event = fc.oneof(
      { weight: 4, arbitrary: fc.record({ what: fc.constant('freeze' as const), which, ms: fc.nat(4_500) }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('cut' as const), which, ms: fc.nat(4_500) }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('delay' as const), which, ms: fc.oneof(fc.nat(40), fc.nat(3_000)) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('kill' as const), which, ms: fc.nat(100) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('add' as const), which, ms: fc.nat(2_000) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('leave' as const), which, ms: fc.nat(100) }) },
    );
    const schedule = fc.array(fc.record({ event, pauseMs: fc.nat(1_500), up: fc.boolean() }), { minLength: 4, maxLength: 14 });
    fc.assert(
      fc.property(schedule, (happenings) => {
        const world = new Cluster(slots);
        world.add('r0');
        world.run(500);
        for (let i = 1; i <= 3; i++) world.add(`r${i}`);
        const ends: { atMs: number; end: () => void }[] = [];
        const runTo = (ms: number) => {
          for (let next = ends.sort((a, b) => a.atMs - b.atMs)[0]; next !== undefined && next.atMs <= ms; next = ends[0]) {
            ends.shift();
            world.run(Math.max(0, next.atMs - world.nowMs));
            next.end();
          }
          world.run(ms - world.nowMs);
        };
        for (const { event: happening, pauseMs, up } of happenings) {
          const alive = world.replicas.filter(({ dead, table }) => !dead && table.phase !== 'leaving');
          const replica = alive[happening.which % alive.length] as Replica;
          const later = (end: () => void) => ends.push({ atMs: world.nowMs + happening.ms, end });
          if (happening.what === 'freeze') {
            replica.frozen = true;
            later(() => {
              replica.frozen = false;
            });
          } else if (happening.what === 'cut') {
            world.cut(replica);
            later(() => world.mend(replica));
          } else if (happening.what === 'delay') replica[up ? 'upMs' : 'downMs'] = happening.ms;
          else if (happening.what === 'kill' && alive.length > 1) world.kill(replica);
          else if (happening.what === 'add' && alive.length < 4) later(() => world.add(`r${world.replicas.length}`));
          else if (happening.what === 'leave' && alive.length > 1) {
            replica.table.leave();
            ends.push({ atMs: world.nowMs + 2_000, end: () => world.kill(replica) });
          }
          runTo(world.nowMs + pauseMs);
        }
        runTo(world.nowMs + 5_000);
        for (const replica of world.replicas) {
          replica.upMs = replica.downMs = 3;
          if (!replica.dead) world.mend(replica);
        }
        world.run(12_000);
        expect(world.all).toBe(slots);
        const alive = world.replicas.filter(({ dead }) => !dead);
        expect(alive.reduce((sum, replica) => sum + validSlots(replica, world.nowMs), 0)).toBe(slots);
      }),
      { numRuns: Number(process.env['HISTORIES'] ?? 60), endOnFailure: true },
    );
  }, 600_000);
});
