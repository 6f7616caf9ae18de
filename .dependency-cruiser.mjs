import { contexts } from './tools/contexts.mjs';
import { TEST_FILES } from './tools/test-files.mjs';

// Which package may import which: the arrows of the architecture. Contract <- domain <- adapter, driver <- app; nothing points back.
const contract = ['api'];
const domain = [...contexts, 'fabric'];

/** What each package may import from the workspace, itself aside. */
const allowed = {
  'libs/api': [],
  ...Object.fromEntries(contexts.map((name) => [`libs/${name}`, [...contract, 'derive']])),
  'libs/client': [],
  'libs/derive': contract,
  'libs/fabric': [...contract, ...contexts, 'derive'],
  'libs/event-store': [...contract, ...domain],
  'libs/bus': [...contract, ...domain],
  'libs/linux': [...contract, ...domain],
  'libs/service': [...contract, ...domain, 'derive', 'event-store', 'bus'],
};
const oneOf = (names) => `^libs/(${names.join('|')})/`;

const arrows = Object.entries(allowed).map(([from, names]) => ({
  name: `arrow-${from.replace('libs/', '')}`,
  comment: `${from} imports from ${names.length === 0 ? 'no other package' : names.join(', ')} only (tests also from testing)`,
  severity: 'error',
  from: { path: `^${from}/`, pathNot: TEST_FILES },
  to: { path: '^(libs|apps)/', pathNot: [`^${from}/`, ...(names.length === 0 ? [] : [oneOf(names)])] },
}));

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    {
      name: 'no-deep-imports',
      comment:
        'Another package is entered by its name, that is, by its src/index.ts (testing and derive also by what their package.json exports)',
      severity: 'error',
      from: { path: '^(libs|apps)/([^/]+)/' },
      to: {
        path: '^(libs|apps)/[^/]+/',
        pathNot: [
          '^$1/$2/',
          '^(libs|apps)/[^/]+/src/index\\.ts$',
          '^libs/testing/src/(waiting|virtual-clock|differential/differential)\\.ts$',
          '^libs/derive/src/testing/index\\.ts$',
        ],
      },
    },
    {
      name: 'by-name',
      comment: 'Another package is imported by its name, not by a path that leads out of this one',
      severity: 'error',
      from: { path: '^(libs|apps)/([^/]+)/' },
      to: { path: '^(libs|apps)/', pathNot: '^$1/$2/', dependencyTypes: ['local'] },
    },
    {
      name: 'apps-stand-alone',
      comment: 'An app imports libraries; only apps/weft, which runs all in one process, imports other apps',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/weft/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'no-testing-in-production',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: [TEST_FILES, '^libs/testing/'] },
      to: { path: ['^libs/testing/', TEST_FILES] },
    },
    {
      name: 'pure-domain',
      comment: 'Domain and contract run anywhere: no framework, no client, no file, socket or process',
      severity: 'error',
      from: { path: oneOf([...contract, 'derive', ...domain]), pathNot: TEST_FILES },
      to: {
        path: [
          'node_modules/(@nestjs|@nats-io|@eventstore|@grpc|lmdb|fastify|pino|prom-client)',
          '^(node:)?(fs|fs/promises|net|http|https|http2|child_process|dgram|dns|worker_threads|cluster)$',
        ],
      },
    },
    ...arrows,
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['weft-source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
    skipAnalysisNotInRules: true,
  },
};
