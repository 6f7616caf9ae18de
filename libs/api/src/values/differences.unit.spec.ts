import type { JsonObject } from '../log/json.ts';
import { differences } from './differences.ts';

const texts = (before: JsonObject | undefined, after: JsonObject | undefined) =>
  differences(before, after).map(
    ({ field, ...values }) =>
      `${field}: ${'before' in values ? JSON.stringify(values.before) : '-'} -> ${'after' in values ? JSON.stringify(values.after) : '-'}`,
  );

describe('differences', () => {
  it('names the fields that differ, as deep as they are', () => {
    expect(
      texts({ spec: { size: 1, colour: 'red', deep: { a: 1, b: 2 } } }, { spec: { size: 2, colour: 'red', deep: { a: 1, c: 3 } } }),
    ).toEqual(['spec.size: 1 -> 2', 'spec.deep.b: 2 -> -', 'spec.deep.c: - -> 3']);
  });

  it('knows entries of lists by name, or by type, or else by place', () => {
    const conditions = (status: string) => ({
      conditions: [
        { type: 'Ready', status },
        { type: 'Programmed', status: 'True' },
      ],
    });
    expect(texts(conditions('False'), conditions('True'))).toEqual(['conditions[Ready].status: "False" -> "True"']);
    const moved = [
      { type: 'Programmed', status: 'True' },
      { type: 'Ready', status: 'False' },
    ];
    expect(texts(conditions('False'), { conditions: moved })).toEqual([]);
    expect(texts({ ips: [{ value: 'a' }] }, { ips: [{ value: 'a' }, { value: 'b' }] })).toEqual(['ips[1]: - -> {"value":"b"}']);
    expect(texts({ peers: [{ name: 'a', x: 1 }] }, { peers: [] })).toEqual(['peers[a]: {"name":"a","x":1} -> -']);
  });

  it('gives lists of plain values and what changes its form as a whole', () => {
    expect(texts({ a: ['x', 'y'] }, { a: ['y'] })).toEqual(['a: ["x","y"] -> ["y"]']);
    expect(texts({ a: 1 }, { a: { b: 1 } })).toEqual(['a: 1 -> {"b":1}']);
    expect(texts({ a: [{ b: 1 }] }, { a: { b: 1 } })).toEqual(['a: [{"b":1}] -> {"b":1}']);
    expect(texts({ a: null }, { a: 0 })).toEqual(['a: null -> 0']);
  });

  it('tells what begins and what ends', () => {
    expect(texts(undefined, { spec: { size: 1 }, status: {} })).toEqual(['spec.size: - -> 1', 'status: - -> {}']);
    expect(texts({ spec: { size: 1, parts: [] } }, undefined)).toEqual(['spec.size: 1 -> -', 'spec.parts: [] -> -']);
    expect(texts({ a: 1 }, { a: 1 })).toEqual([]);
    expect(texts({}, { constructor: 'x' })).toEqual(['constructor: - -> "x"']);
  });
});
