// The kinds of tests, in the order in which they run: the cheap ones first.
export const suites = ['unit', 'contract', 'int', 'sim', 'net'];
