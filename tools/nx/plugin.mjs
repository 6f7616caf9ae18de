// Gives every package of the workspace its Nx targets, so that no package carries a project.json.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

function targetsOf(root, file) {
  const run = (script) => ({ command: `node tools/${script} ${root}` });
  // Not `^build`, which takes what tests import for a dependency as well: tests of two packages may import each other.
  const { dependencies = {} } = JSON.parse(readFileSync(file, 'utf8'));
  const projects = Object.keys(dependencies).filter((name) => name.startsWith('@weft/'));
  const build = { ...run('build.mjs'), dependsOn: projects.map((name) => ({ projects: [name], target: 'build' })) };
  return { build, types: run('types.mjs'), test: run('test.mjs all') };
}

export const createNodesV2 = [
  '{apps,libs}/*/package.json',
  (files) =>
    files.map((file) => {
      const root = dirname(file);
      return [
        file,
        {
          projects: { [root]: { root, projectType: root.startsWith('apps/') ? 'application' : 'library', targets: targetsOf(root, file) } },
        },
      ];
    }),
];
