import { type Derived, Engine, explainText, graphText, type Lens, type Read, type Source, StageError, Table } from './index.ts';

type Host = Readonly<{ number: number; facets: Readonly<Record<string, number>>; load?: number }>;
const facets = { of: (host: Host, name: string) => host.facets[name], whole: (host: Host) => host.facets };
const host = (number: number, more: Partial<Host> = {}): Host => ({ number, facets: { number }, ...more });
const numberOf: Lens<Host, number> = { name: 'number', of: ({ number }) => number, facets: ['number'] };

describe('Engine', () => {
  it('asks the readers of what has changed, and stops where a value comes out equal', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts', { parity: ({ number }) => [String(number % 2)] });
    const hosts = engine.source(table);
    const halves = engine.map('halves', hosts, (key, read) => Math.floor((read.get(hosts, key)?.number ?? 0) / 2));
    const shown = engine.map('shown', halves, (key, read) => `half of ${key} is ${read.get(halves, key)}`);
    const heard: unknown[] = [];
    shown.listen((...change) => heard.push(change));
    table.put('a', host(2));
    table.put('b', host(8));
    engine.settle();
    table.put('a', host(3));
    engine.settle();
    expect([halves.evaluations, shown.evaluations]).toEqual([3, 2]);
    table.put('a', host(4));
    table.delete('b');
    engine.settle();
    expect([halves.evaluations, shown.evaluations]).toEqual([5, 4]);
    expect(heard).toEqual([
      ['a', undefined, 'half of a is 1'],
      ['b', undefined, 'half of b is 4'],
      ['a', 'half of a is 1', 'half of a is 2'],
      ['b', 'half of b is 4', undefined],
    ]);
  });

  it('derives what was there before it was declared', () => {
    const table = new Table<Host>('hosts', { number: ({ number }) => [String(number)] });
    table.put('a', host(1));
    const engine = new Engine();
    const hosts = engine.source(table);
    const numbers = engine.group('numbers', hosts.index('number'), (number, read) => [...read.keys(hosts.index('number'), number)]);
    engine.settle();
    const named = numbers.index('first', ([first = '']) => [first]);
    const copy = engine.group('copy', named, (name) => name);
    engine.settle();
    expect([...copy.keys()]).toEqual(['a']);
  });

  it('derives on demand what sources and derived collections hold just then, with causes, and keeps nothing of it', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts', { number: ({ number }) => [String(number)] });
    const hosts = engine.source(table);
    const doubled = engine.map('doubled', hosts, (key, read) => 2 * (read.see(hosts, numberOf, key) ?? 0));
    const asked: string[] = [];
    const sum = engine.onDemand('sum', hosts.index('number'), (number, read) => {
      asked.push(number);
      if (number === '9') throw new Error('nine');
      return [...read.keys(hosts.index('number'), number)].reduce((total, key) => total + (read.get(doubled, key) ?? 0), 0);
    });
    for (const [key, number] of [
      ['a', 3],
      ['b', 3],
      ['c', 9],
    ] as const)
      table.put(key, host(number));
    engine.settle();
    expect([asked, sum('3'), sum('4'), asked]).toEqual([['3'], 12, undefined, ['3']]);
    expect(() => sum('9')).toThrow('nine');
    table.delete('b');
    engine.settle();
    expect([asked.length, sum('3'), asked.length]).toEqual([2, 6, 3]);
    expect(engine.derived.map(({ name }) => name)).toEqual(['doubled']);
  });

  it('copies nothing of a source and keeps cells only of what was read', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts');
    const hosts = engine.source(table);
    const wanted = new Table<string>('wanted');
    engine.map('found', engine.source(wanted), (key, read) => read.see(hosts, numberOf, wanted.get(key) ?? key));
    for (let i = 0; i < 100; i++) table.put(`h${i}`, host(i));
    wanted.put('w', 'h7');
    engine.settle();
    expect(engine.describe().sources[0]).toMatchObject({ name: 'hosts', size: 100, nodes: 1 });
  });

  it('evaluates only lenses of a facet that has changed', () => {
    const looks: string[] = [];
    const heldOf: Lens<Host, number> = {
      name: 'held',
      of: ({ facets: all }, vni) => {
        looks.push(vni);
        return all[`held.${vni}`];
      },
      facets: (vni) => [`held.${vni}`],
    };
    for (const known of [true, false]) {
      const engine = new Engine();
      let current = host(0);
      let compared = 0;
      const of = (each: Host, name: string) => {
        compared++;
        return facets.of(each, name);
      };
      const source: Source<Host> = { name: 'hosts', get: () => current, keys: () => ['h'], size: 1, facets: { ...facets, of } };
      const hosts = engine.source(source);
      const vnis = new Table<number>('vnis');
      const held = engine.map('held', engine.source(vnis), (vni, read) => read.see(hosts, heldOf, 'h', vni));
      for (let vni = 0; vni < 1000; vni++) vnis.put(String(vni), vni);
      engine.settle();
      looks.length = compared = 0;
      const put = (after: Host, changed: string[]) => {
        const before = current;
        current = after;
        engine.changed(source, 'h', before, after, ...(known ? [changed] : []));
        engine.settle();
      };
      put({ ...current, load: 1 }, []);
      expect([looks, compared]).toEqual([[], 0]);
      put({ ...current, facets: { ...current.facets, 'held.7': 1 } }, ['held.7']);
      expect(looks).toEqual(['7', '7', '7']); // Before, after, and by the reader.
      expect(compared).toBe(known ? 0 : 2000);
      expect([held.evaluations, held.get('7')]).toEqual([1001, 1]);
    }
  });

  it('finds the lenses of a facet however many parts of a value are read, and keeps nothing of those that are read no more', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts', {}, facets);
    const hosts = engine.source(table);
    const vnis = new Table<number>('vnis');
    const asked: string[] = [];
    const heldOf: Lens<Host, number> = { name: 'held', of: ({ facets: all }, vni) => all[`held.${vni}`], facets: (vni) => [`held.${vni}`] };
    engine.map('held', engine.source(vnis), (vni, read) => {
      asked.push(vni);
      return read.see(hosts, heldOf, 'h', vni);
    });
    let value = 0;
    const turn = (vni: number) => {
      const before = table.get('h') ?? host(0);
      asked.length = 0;
      table.put('h', { ...before, facets: { ...before.facets, [`held.${vni}`]: ++value } });
      engine.settle();
      return [...asked];
    };
    table.put('h', host(0));
    for (let vni = 1; vni <= 20; vni++) {
      vnis.put(String(vni), vni);
      engine.settle();
      for (const each of [1, vni]) expect(turn(each)).toEqual([String(each)]);
    }
    for (let vni = 20; vni > 1; vni--) {
      vnis.delete(String(vni));
      engine.settle();
      expect([turn(vni), turn(1)]).toEqual([[], ['1']]);
    }
    vnis.delete('1');
    engine.settle();
    expect(engine.describe().sources[0]).toMatchObject({ name: 'hosts', nodes: 0 });
  });

  it('shows a derivation that throws as a fault, goes on with all else, and asks it again', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts');
    const hosts = engine.source(table);
    const tenths = engine.map('tenths', hosts, (key, read) => {
      const { number } = read.get(hosts, key) ?? host(1);
      if (number === 0) throw new Error('by nothing');
      return 10 / number;
    });
    table.put('a', host(0));
    table.put('b', host(5));
    engine.settle();
    expect([...engine.faults()]).toMatchObject([{ collection: 'tenths', key: 'a', error: { message: 'by nothing' } }]);
    expect([tenths.get('a'), tenths.get('b'), tenths.size]).toEqual([undefined, 2, 1]);
    table.put('a', host(1));
    engine.settle();
    expect([[...engine.faults()], tenths.get('a')]).toEqual([[], 10]);
  });

  it('refuses a read of a later stage, of itself, of a lazy collection, and outside of an evaluation', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts');
    const hosts = engine.source(table);
    let kept: Read | undefined;
    const first = engine.map<number>('first', hosts, (key, read) => (kept = read).get(second, key));
    const second: Derived<number> = engine.map('second', hosts, (key, read) => read.get(second, key));
    const lazy = engine.lazyMap<number>('lazy', hosts, () => 1);
    engine.map('third', hosts, (key, read) => read.get(lazy, key));
    table.put('a', host(1));
    expect(() => engine.settle()).toThrow(StageError);
    expect([...engine.faults()].map(({ error }) => error.message)).toEqual([
      'first (stage 1) reads second (stage 2)',
      'second (stage 2) reads second (stage 2)',
      'third reads lazy, which is lazy',
    ]);
    expect(() => kept?.get(first, 'a')).toThrow('outside of an evaluation');
    expect(() => engine.map('fourth', lazy, () => 1)).toThrow('nothing can be derived from it');
    expect(() => engine.map('first', hosts, () => 1)).toThrow('two things named first');
  });

  it('refuses a change during an evaluation, and takes one from a listener', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts');
    const hosts = engine.source(table);
    engine.map('writes', hosts, (key) => table.put(`${key}!`, host(1)));
    const copies = engine.map('copies', hosts, (key) => key);
    copies.listen((key) => key === 'a' && table.put('b', host(2)));
    table.put('a', host(1));
    engine.settle();
    expect([...engine.faults()][0]?.error.message).toBe('hosts a! changes during an evaluation');
    engine.settle();
    expect([...copies.keys()].sort()).toEqual(['a', 'b']);
  });

  it('calls all listeners even if one throws', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts');
    const heard: string[] = [];
    const copies = engine.map('copies', engine.source(table), (key) => key);
    copies.listen(() => {
      throw new Error('deaf');
    });
    copies.listen((key) => heard.push(key));
    table.put('a', host(1));
    table.put('b', host(1));
    expect(() => engine.settle()).toThrow('deaf');
    expect(heard).toEqual(['a', 'b']);
  });

  it('asks a key that waits for a position or a time once, when that comes', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts');
    const hosts = engine.source(table);
    const due = engine.map('due', hosts, (key, read) => {
      const { number } = read.get(hosts, key) ?? host(0);
      return [read.reached(BigInt(number)), read.passed(number * 10)];
    });
    for (const number of [5, 3, 9, 3, 7, 1]) table.put(`h${number}${due.evaluations}`, host(number));
    for (let i = 0; i < 50; i++) table.put(`late${i}`, host(1000 + ((i * 7) % 50)));
    engine.settle();
    expect(engine.nextTimeMs).toBe(10);
    const asked = due.evaluations;
    engine.advanceTo(2n);
    engine.settle();
    expect(due.evaluations).toBe(asked + 1);
    engine.passTo(30);
    engine.settle();
    expect([engine.nextTimeMs, due.evaluations]).toEqual([50, asked + 3]);
    for (let i = 0; i < 50; i += 2) table.delete(`late${i}`);
    for (const number of [3, 5, 7, 9]) table.delete(`h${number}0`);
    engine.settle();
    const left = [...due.keys()].filter((key) => key.startsWith('late')).map((key) => table.get(key)?.number ?? 0);
    expect(engine.nextTimeMs).toBe(Math.min(...left) * 10);
    for (let at = 1000; at < 1050; at++) {
      engine.passTo(at * 10);
      engine.settle();
      expect([...due.keys()].filter((key) => due.get(key)?.[1] === true).length).toBe(1 + left.filter((each) => each <= at).length);
    }
  });

  it('gives the newest causes only, through derived values too, and asks again when they differ', () => {
    type Event = Readonly<{ at: bigint; text: string }>;
    const engine = new Engine({ causesMax: 3 });
    const table = new Table<Event>('events', { all: () => ['all'] });
    const events = engine.source({
      ...source(table),
      causesOf: ({ at }) => [{ position: at, eventId: `e${at}` }],
    });
    const lengths = engine.map('lengths', events, (key, read) => read.get(events, key)?.text.length);
    const all = lengths.index('all', () => ['all']);
    const total = engine.group('total', all, (_, read) => [...read.rows(all, 'all')].reduce((sum, each) => sum + each, 0));
    const row = engine.map('row', total, (key, read) => ({
      total: read.get(total, key),
      because: read.causes().map(({ eventId }) => eventId),
    }));
    for (let i = 1n; i <= 40n; i++) table.put(`k${i}`, { at: i, text: 'ab' });
    engine.settle();
    expect(row.get('all')).toEqual({ total: 80, because: ['e38', 'e39', 'e40'] });
    const asked = total.evaluations;
    table.put('k1', { at: 41n, text: 'cd' }); // The lengths stay the same, but their causes differ.
    engine.settle();
    expect(row.get('all')).toEqual({ total: 80, because: ['e39', 'e40', 'e41'] });
    expect(total.evaluations).toBe(asked);
    expect(engine.causesOf(total, 'all').map(({ eventId }) => eventId)).toEqual(['e39', 'e40', 'e41']);
  });

  it('asks again for causes of what is read after `causes` was called', () => {
    const engine = new Engine();
    const [texts, names] = [new Table<string>('texts'), new Table<Readonly<{ at: bigint }>>('names')];
    const textsRead = engine.source(texts);
    const namesRead = engine.source({ ...source(names), causesOf: ({ at }) => [{ position: at, eventId: `e${at}` }] });
    const there = engine.map('there', namesRead, (key, read) => read.get(namesRead, key) !== undefined);
    const rows = engine.map('rows', textsRead, (key, read) => {
      const name = read.get(textsRead, key) ?? '';
      return [name !== '' && read.get(there, name), read.causes().length, read.causes().at(-1)?.eventId];
    });
    names.put('n', { at: 1n });
    texts.put('t', '');
    engine.settle();
    texts.put('t', 'n');
    engine.settle();
    names.put('n', { at: 2n });
    engine.settle();
    expect(rows.get('t')).toEqual([true, 1, 'e2']);
  });

  it('explains a value, and draws the graph of derivations', () => {
    const engine = new Engine();
    const table = new Table<Host>(
      'hosts',
      { parity: ({ number }) => [String(number % 2)] },
      { ...facets, causeOf: (each, name) => ({ position: BigInt(each.facets[name] ?? 0), eventId: name }) },
    );
    const hosts = engine.source(table);
    const numbers = engine.map('numbers', hosts, (key, read) => read.see(hosts, numberOf, key));
    const sums = engine.group('sums', hosts.index('parity'), (parity, read) => {
      if (read.reached(9n)) return 0;
      return [...read.keys(hosts.index('parity'), parity)].reduce((sum, key) => sum + (read.get(numbers, key) ?? 0), 0);
    });
    table.put('a', host(3));
    table.put('b', host(5));
    engine.settle();
    expect(explainText(engine.explain(sums, '1'))).toBe(
      [
        'sums 1 = 8',
        '  until 9',
        '  hosts by parity 1: keys (2 members)',
        '  numbers a = 3',
        '    hosts a . number = 3 because number@3',
        '  numbers b = 5',
        '    hosts b . number = 5 because number@5',
      ].join('\n'),
    );
    expect(graphText(engine.describe())).toBe(
      [
        'hosts  (hosts by parity)',
        '',
        'hosts ──map──> numbers',
        '    reads hosts . number',
        '',
        'hosts by parity ──group──> sums',
        '    reads hosts by parity: keys',
        '    reads numbers',
      ].join('\n'),
    );
  });

  it('audits in slices, finds a read without Read and a change that was not reported, and asks again', () => {
    let clock = 0;
    const engine = new Engine({ now: () => clock++ });
    const table = new Table<Host>('hosts');
    const { attach: _, ...silent } = source(table);
    const hosts = engine.source<Host>(silent);
    let secret = 1;
    engine.map('numbers', hosts, (key, read) => read.see(hosts, numberOf, key));
    engine.map('secrets', hosts, (key) => secret + key.length);
    table.put('a', host(1));
    engine.changed(silent, 'a', undefined, host(1));
    engine.settle();
    expect(engine.audit()).toEqual([]);
    secret = 2;
    table.put('a', host(2));
    table.put('b', host(2));
    const findings = [];
    let slices = 1;
    for (;;) {
      const slice = engine.auditSlice(2);
      findings.push(...slice.findings);
      if (slice.done) break;
      slices++;
    }
    expect(findings).toEqual([
      { collection: 'numbers', key: 'a', what: 'value', held: 1, found: 2 },
      { collection: 'numbers', key: 'b', what: 'missing' },
      { collection: 'secrets', key: 'a', what: 'value', held: 2, found: 3 },
      { collection: 'secrets', key: 'b', what: 'missing' },
    ]);
    expect(slices).toBeGreaterThan(1);
    engine.settle();
    expect(engine.audit()).toEqual([]);
  });
});

describe('A lazy collection', () => {
  function started(now?: () => number) {
    const engine = new Engine(now === undefined ? {} : { now });
    const table = new Table<Host>('hosts');
    const hosts = engine.source(table);
    const owed = engine.lazyMap('owed', hosts, (key, read) => read.see(hosts, numberOf, key), {
      priorityOf: (key) => (key.startsWith('low') ? 1 : 0),
    });
    return { engine, table, owed };
  }

  it('is asked only by take, in slices, urgent keys first, each once', () => {
    let clock = 0;
    const { engine, table, owed } = started(() => (clock += 1));
    for (const key of ['low1', 'a', 'b', 'low2', 'c', 'd', 'e', 'f']) for (let i = 0; i < 3; i++) table.put(key, host(i));
    engine.settle();
    expect([owed.evaluations, owed.pending]).toEqual([0, 8]);
    expect(owed.take({ limit: 2 })).toEqual([
      { key: 'a', before: undefined, value: 2 },
      { key: 'b', before: undefined, value: 2 },
    ]);
    expect(owed.take({ sliceMs: 3 }).map(({ key }) => key)).toEqual(['c', 'd', 'e']);
    expect(owed.take({}).map(({ key }) => key)).toEqual(['f', 'low1', 'low2']);
    expect([owed.take({}), owed.pending]).toEqual([[], 0]);
  });

  it('asks about what was there before it was declared, each once and last, also when that changes meanwhile', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts', { parity: ({ number }) => [String(number % 2)] });
    for (const key of ['a', 'b', 'c', 'd']) table.put(key, host(1));
    const hosts = engine.source(table);
    const owed = engine.lazyMap('owed', hosts, (key, read) => read.see(hosts, numberOf, key));
    const groups = engine.lazyGroup('groups', hosts.index('parity'), (parity, read) => [...read.keys(hosts.index('parity'), parity)]);
    expect([owed.pending, owed.hasBacklog, owed.nodes, groups.hasBacklog]).toEqual([4, true, 0, true]);
    expect(engine.audit()).toEqual([]);
    table.delete('b');
    table.put('c', host(3));
    table.put('e', host(5));
    expect(owed.take({ limit: 2 }).map(({ key, value }) => [key, value])).toEqual([
      ['b', undefined],
      ['e', 5],
    ]);
    expect(owed.take({ limit: 1 }).map(({ key }) => key)).toEqual(['a']);
    expect(owed.pending).toBeGreaterThan(0);
    table.put('d', host(4));
    expect(owed.take({}).map(({ key, value }) => [key, value])).toEqual([
      ['c', 3],
      ['d', 4],
    ]);
    expect(groups.take({}).map(({ key, value }) => [key, value])).toEqual([
      ['1', ['a', 'c', 'e']],
      ['0', ['d']],
    ]);
    expect([owed.pending, groups.pending, owed.hasBacklog, owed.evaluations]).toEqual([0, 0, false, 5]);
    expect(engine.audit()).toEqual([]);
  });

  it('asks about those that are named, in that order, however often some are named before it is asked', () => {
    const engine = new Engine();
    const table = new Table<Host>('hosts');
    const names = Array.from({ length: 20_000 }, (_, i) => `h${i}`);
    for (const name of names) table.put(name, host(1));
    const owed = engine.lazyMap('owed', engine.source(table), () => 1, { waitsForAll: false });
    expect([owed.pending, owed.hasBacklog]).toEqual([0, false]);
    for (const name of names) {
      owed.awaitAll([name], 1);
      owed.awaitAll([], 0);
    }
    expect(owed.pending).toBe(names.length);
    expect(owed.take({}).map(({ key }) => key)).toEqual(names);
    expect([owed.pending, owed.hasBacklog, owed.evaluations]).toEqual([0, false, names.length]);
  });

  it('holds a key back until it is released, and asks again on request', () => {
    const { table, owed } = started();
    table.put('a', host(1));
    table.put('b', host(1));
    owed.take({ limit: 1 });
    owed.hold('a');
    owed.hold('b');
    table.put('a', host(2));
    expect([owed.pending, owed.take({}), owed.isHeld('a')]).toEqual([0, [], true]);
    owed.release('a');
    owed.release('b');
    expect(owed.take({}).map(({ key, value }) => [key, value])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
    owed.again('b');
    owed.again('nobody');
    expect(owed.take({})).toEqual([{ key: 'b', before: 1, value: 1 }]);
    table.delete('a');
    owed.hold('b');
    table.delete('b');
    expect(owed.take({})).toEqual([{ key: 'a', before: 2, value: undefined }]);
    owed.release('b');
    expect(owed.take({})).toEqual([{ key: 'b', before: 1, value: undefined }]);
  });

  it('needs a clock for slices', () => {
    const { owed } = started();
    expect(() => owed.take({ sliceMs: 5 })).toThrow('slices need a clock');
  });
});

/** A table as a source of its own, so that a test can leave parts out or add to it. */
function source<V>(table: Table<V>): Source<V> {
  return {
    name: table.name,
    get: (key) => table.get(key),
    keys: () => table.keys(),
    get size() {
      return table.size;
    },
    indexes: table.indexes,
    attach: (changed) => table.attach(changed),
  };
}
