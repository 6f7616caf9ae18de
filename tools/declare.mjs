/**
 * Writes into each package.json of the workspace what its sources import, with the versions pinned at the root, and brings the lock in line:
 * `npm run declare`. With `--check` it changes nothing and fails when something is missing or left over.
 *
 * What only tests import goes to devDependencies. @weft/testing is not declared there: it depends on nearly all packages itself, and builds,
 * which follow these declarations, may not go in circles.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { parseSync } from '@swc/core';
import { root } from './setup/places.mjs';
import { isTestFile } from './test-files.mjs';

const check = process.argv.includes('--check');
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const { dependencies, devDependencies } = readJson(join(root, 'package.json'));
const pinned = { ...devDependencies, ...dependencies };
const problems = [];

for (const folder of ['libs', 'apps'].flatMap((base) => readdirSync(join(root, base)).map((name) => `${base}/${name}`))) {
  const file = join(root, folder, 'package.json');
  if (!existsSync(file)) continue;
  const text = readFileSync(file, 'utf8');
  const { dependencies: _, devDependencies: __, nx, ...rest } = JSON.parse(text);
  const { inUse, inTests } = importsOf(folder, rest.name);
  const declared = {
    ...rest,
    ...listed('dependencies', inUse),
    ...listed('devDependencies', inTests),
    ...(nx === undefined ? {} : { nx }),
  };
  const wanted = `${JSON.stringify(declared, null, 2)}\n`;
  if (wanted === text) continue;
  if (check) problems.push(`${folder}/package.json does not say what its sources import: npm run declare`);
  else writeFileSync(file, wanted);
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
if (!check) {
  const args = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  process.exit(spawnSync('npm', args, { cwd: root, stdio: 'inherit' }).status ?? 1);
}

function listed(field, names) {
  if (names.length === 0) return {};
  return { [field]: Object.fromEntries(names.sort().map((name) => [name, name.startsWith('@weft/') ? '*' : pinned[name]])) };
}

/** Packages that the sources of a folder import, and those that only its tests import. */
function importsOf(folder, self) {
  const [inUse, inTests] = [new Set(), new Set()];
  const src = join(root, folder, 'src');
  for (const entry of readdirSync(src, { recursive: true }).map(String)) {
    if (!/\.(ts|mjs)$/.test(entry)) continue;
    const isTest = isTestFile(join(src, entry));
    for (const specifier of specifiersIn(readFileSync(join(src, entry), 'utf8'))) {
      const name = /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
      if (name === undefined || specifier.startsWith('.') || isBuiltin(specifier) || name === self) continue;
      if (!name.startsWith('@weft/') && pinned[name] === undefined)
        problems.push(`${folder}/src/${entry} imports ${name}, which the root package.json does not pin`);
      else if (!isTest) inUse.add(name);
      else if (name !== '@weft/testing') inTests.add(name);
    }
  }
  return { inUse: [...inUse], inTests: [...inTests].filter((name) => !inUse.has(name)) };
}

/** What a module imports, statically or by a literal name. */
function specifiersIn(text) {
  const found = [];
  const visit = (node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (node === null || typeof node !== 'object') return undefined;
    if (typeof node.source?.value === 'string') found.push(node.source.value);
    if (node.type === 'CallExpression' && (node.callee.type === 'Import' || node.callee.value === 'require')) {
      const [first] = node.arguments;
      if (first?.expression.type === 'StringLiteral') found.push(first.expression.value);
    }
    return Object.values(node).forEach(visit);
  };
  visit(parseSync(text, { syntax: 'typescript', decorators: true, target: 'es2023' }).body);
  return found;
}
