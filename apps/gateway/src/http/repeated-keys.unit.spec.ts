import { repeatedKeys } from './repeated-keys.ts';

const repeatedIn = (text: string) => repeatedKeys(text, JSON.parse(text));

describe('repeatedKeys', () => {
  it.each([
    ['{}'],
    ['"a:b"'],
    ['{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}]}'],
    ['{"a": "{\\"b\\": 1, \\"b\\": 2}", "c": "\\\\", "d": ":"}'],
    ['[[], [1, -2.5e3, true, null], {}]'],
  ])('finds none in %s', (text) => {
    expect(repeatedIn(text)).toEqual([]);
  });

  it.each([
    ['{"a": 1, "a": 1}', ['a']],
    ['{"spec": {"b": null, "c": 1, "b": {"b": 1}}}', ['spec.b']],
    ['{"spec": {"ips": [{"value": "10.0.0.1"}, {"value": "10.0.0.2" , "value":"10.0.0.3"}]}}', ['spec.ips[1].value']],
    ['{"a": 1, "\\u0061": 2}', ['a']],
    ['{"a": [1, {"x": [], "x": {}}], "a": {"y": 1, "y": 2}, "a": 3}', ['a[1].x', 'a', 'a.y']],
    ['[ {"a":-1.5e3 ,"a" : true}\n]', ['[0].a']],
  ])('names those of %s', (text, paths) => {
    expect(repeatedIn(text)).toEqual(paths);
  });

  it('names no more than 20', () => {
    const many = Array.from({ length: 50 }, (_, i) => `"k${i}": 1, "k${i}": 2`).join(', ');
    expect(repeatedIn(`{${many}}`)).toHaveLength(20);
  });
});
