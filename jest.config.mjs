// One project per kind of test, told by the suffix of the file. Run by tools/test.mjs, which sets up the TypeScript loader.
import { suites } from './tools/jest/suites.mjs';

export default {
  rootDir: import.meta.dirname,
  watchman: false,
  projects: suites.map((suite) => ({
    displayName: suite,
    rootDir: import.meta.dirname,
    roots: ['<rootDir>/apps', '<rootDir>/demo', '<rootDir>/libs', '<rootDir>/tools'],
    testMatch: [`**/*.${suite}.spec.ts`],
    modulePathIgnorePatterns: ['/dist/'],
    transform: {},
    runner: 'jest-light-runner',
    setupFilesAfterEnv: ['<rootDir>/tools/jest/setup.mjs'],
  })),
};
