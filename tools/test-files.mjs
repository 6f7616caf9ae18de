/**
 * Which files of a package are for tests only: tests, and what stands in a folder `testing` or `e2e` (helpers, contract suites, child processes).
 * They are not built, what they import goes to devDependencies, and nothing in production may import them.
 */
export const TEST_FILES = String.raw`\.spec\.ts$|/src/(testing|e2e)/|/src/.*/(testing|e2e)/`;

const testFiles = new RegExp(TEST_FILES);

export function isTestFile(path) {
  return testFiles.test(path.replaceAll('\\', '/'));
}
