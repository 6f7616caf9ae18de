/**
 * Which objects a label selector of a spec picks, and how a loop finds the selectors that pick one object without looking at all of them.
 *
 * A selecting kind has an index of `anchorsOf(scope, selector)`; whoever is asked about one labelled object reads that index at each of
 * `anchorValues(scope, labels)`, and checks what it finds with `selects`. So one label that changes costs what it touches, however many selectors there are.
 *
 *   selector {app: db, tier in (a, b)}   anchored at `default/net app=db`
 *   object   {app: db, zone: x}          looks at `default/net *`, `default/net app`, `default/net app=db`, `default/net zone`, `default/net zone=x`
 */
import type { LabelSelectorModel, LabelSelectorRequirement } from './label-selector.model.ts';

type Labels = Readonly<Record<string, string>>;

/** An empty selector selects everything (resources 1.3). What an absent one selects, its owner says. */
export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelectorModel, labels: Labels = {}): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every((requirement) => holds(requirement, labels))
  );
}

/** As the rules have checked it: the operator is one of the four. */
function holds({ key = '', operator, values = [] }: LabelSelectorRequirement, labels: Labels): boolean {
  const value = labelOf(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    default:
      return value === undefined;
  }
}

function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** The index values under which this selector is found: those of one requirement that every selected object meets, or `<scope> *`. */
export function anchorsOf(scope: string, { matchLabels = {}, matchExpressions = [] }: LabelSelectorModel): readonly string[] {
  const [label] = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  if (label !== undefined) return [`${scope} ${label[0]}=${label[1]}`];
  const among = matchExpressions.find(({ operator }) => operator === 'In');
  if (among !== undefined) return [...new Set(among.values ?? [])].map((value) => `${scope} ${among.key}=${value}`);
  const exists = matchExpressions.find(({ operator }) => operator === 'Exists');
  return [`${scope} ${exists === undefined ? '*' : exists.key}`];
}

/** Where the selectors that may select an object with these labels are anchored. Each selector is anchored at one of them, at most. */
export function anchorValues(scope: string, labels: Labels = {}): readonly string[] {
  return [`${scope} *`, ...Object.entries(labels).flatMap(([key, value]) => [`${scope} ${key}`, `${scope} ${key}=${value}`])];
}

/**
 * A selector as text, as `kubectl` shows it: `app=db,tier in (a,b),!old`. Selectors that ask for the same in another order have the same text, and two
 * texts that are the same select the same. Empty for an empty selector.
 */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelectorModel): string {
  const texts = [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...matchExpressions.map(requirementText)];
  return [...new Set(texts)].sort().join(',');
}

function requirementText({ key = '', operator, values = [] }: LabelSelectorRequirement): string {
  switch (operator) {
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    default:
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${[...new Set(values)].sort().join(',')})`;
  }
}
