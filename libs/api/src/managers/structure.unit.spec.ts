import { Nested, NestedList, Text, TextMap } from '../model/fields.ts';
import { LocalUidReference } from '../model/references.model.ts';
import { mergePlanOf } from './merge-plan.ts';
import { differenceBetween, fieldsIn, pruned } from './structure.ts';

class Part {
  @Text('Name.') readonly name?: string;
  @Text('Colour.') readonly colour?: string;
}
class Spec {
  @Nested(() => Part, 'A part.') readonly part?: Part;
  @TextMap('Notes.') readonly notes?: Record<string, string>;
  @NestedList(() => Part, 'Parts.', { mergeKey: 'name' }) readonly parts?: Part[];
  @Nested(() => LocalUidReference, 'A reference.') readonly ref?: LocalUidReference;
}
const plan = mergePlanOf({ model: { spec: Spec } });

describe('A value by its merge plan', () => {
  it('loses a whole object of which nobody owns anything, and single entries of maps and lists', () => {
    const spec = {
      part: { name: 'p', colour: 'default' },
      notes: { a: '1', b: '2' },
      parts: [{ name: 'x', colour: 'default' }, { name: 'y' }],
    };
    const last = {
      'f:spec': { 'f:part': { 'f:name': {} }, 'f:notes': { 'f:a': {} }, 'f:parts': { 'k:{"name":"x"}': { '.': {}, 'f:name': {} } } },
    };
    expect(pruned({ spec }, last, { 'f:spec': {} }, plan)).toEqual({ spec: { notes: { b: '2' }, parts: [{ name: 'y' }] } });
  });

  it('has a reference with a uid as one field', () => {
    expect(fieldsIn({ spec: { ref: { name: 'a', uid: 'u' } } }, plan)).toEqual({ 'f:spec': { 'f:ref': {} } });
    expect(differenceBetween({ spec: { ref: { name: 'a', uid: 'u' } } }, { spec: { ref: { name: 'a', uid: 'v' } } }, plan)).toEqual({
      changed: { 'f:spec': { 'f:ref': {} } },
      removed: {},
    });
  });
});
