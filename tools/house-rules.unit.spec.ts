import { breaches, houseRuleProblems, rules } from './house-rules.mjs';

const named = (name: string) => {
  const rule = rules.find((each: { name: string }) => each.name === name);
  if (rule === undefined) throw new Error(`no rule ${name}`);
  return rule;
};

describe('House rules', () => {
  it.each([
    ['platform-time', 'const timer = setTimeout(run, 5);'],
    ['platform-time', '  const now = new Date();'],
    ['platform-time', "import { setTimeout as pause } from 'node:timers/promises';"],
    ['platform-chance', 'const random = Math.random;'],
    ['pure-time', '  const now = systemClock.now();'],
    ['hash-private', '  private readonly name: string;'],
    ['hash-private', '  constructor(private readonly name: string) {}'],
    ['hash-private', '  public run(): void {'],
    ['typed-data', "  const uid = data['uid'] as string;"],
    ['typed-data', '  return state as unknown as Folded;'],
  ])('%s finds "%s"', (name, line) => {
    expect(breaches(named(name), `first line\n${line}`)).toEqual([2]);
  });

  it.each([
    ['platform-time', 'const then = new Date(text);'],
    ['platform-time', ' * Not by setTimeout.'],
    ['platform-time', 'const a = 1; // unlike performance.now()'],
    ['hash-private', '  private constructor(name: string) {'],
    ['hash-private', '  readonly #name: string;'],
    ['typed-data', "  const uid = data['uid'];"],
  ])('%s takes "%s"', (name, line) => {
    expect(breaches(named(name), line)).toEqual([]);
  });

  it('are kept, and have no exception without need', () => {
    expect(houseRuleProblems()).toEqual([]);
  });
});
