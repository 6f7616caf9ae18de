// Gives every package of the workspace its Nx targets, so that no package carries a project.json.
import { dirname } from 'node:path';

function targetsOf(root) {
  const run = (script) => ({ command: `node tools/${script} ${root}` });
  return { build: run('build.mjs'), types: run('types.mjs'), test: run('test.mjs all') };
}

export const createNodesV2 = [
  '{apps,libs}/*/package.json',
  (files) =>
    files.map((file) => {
      const root = dirname(file);
      return [
        file,
        { projects: { [root]: { root, projectType: root.startsWith('apps/') ? 'application' : 'library', targets: targetsOf(root) } } },
      ];
    }),
];
