import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';

@Injectable()
class Greeter {
  greet(): string {
    return 'hello';
  }
}

@Injectable()
class Door {
  readonly #greeter: Greeter;

  constructor(greeter: Greeter) {
    this.#greeter = greeter;
  }

  knock(): string {
    return this.#greeter.greet();
  }
}

describe('the test runner', () => {
  it('runs TypeScript whose decorators emit metadata', async () => {
    const module = await Test.createTestingModule({ providers: [Door, Greeter] }).compile();
    expect(module.get(Door).knock()).toBe('hello');
  });

  it('resolves a workspace package to its sources', () => {
    expect(import.meta.resolve('@weft/api')).toMatch(/libs\/api\/src\/index\.ts$/);
  });

  it.each([1, 2])('runs tables of tests: %d', (n) => {
    expect(n).toBeGreaterThan(0);
  });
});
