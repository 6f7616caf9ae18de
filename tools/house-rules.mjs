/**
 * Rules of this repository that Biome has no words for, line by line over the sources that are built: time and chance come from the platform, and
 * members are hidden with `#`. Each exception is listed with its reason; one that is not needed is an error too.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { contexts } from './contexts.mjs';
import { isTestFile } from './test-files.mjs';

const root = dirname(import.meta.dirname);
const kinds = ['fabric', ...contexts].map((name) => `libs/${name}/`);
const domain = ['api', 'fabric', 'derive', ...contexts].map((name) => `libs/${name}/`);

/** `only`: where it counts; absent: everywhere. `except`: files or folders, with the reason. */
export const rules = [
  {
    name: 'platform-time',
    pattern: /\b(setTimeout|setInterval|Date\.now|performance\.now|hrtime|monitorEventLoopDelay)\b|\bnew Date\(\)|['"](node:)?timers/,
    advice: 'take a Clock (@weft/api) instead of the machine’s time: after, soon, every, pause, now, monotonicMs',
    except: {
      'libs/api/src/platform/system.ts': 'it is the machine’s clock',
      'libs/client/src/timers.ts': 'it is used alone, without the libraries of Weft',
      'libs/service/src/health/event-loop.ts': 'measures how late the machine’s timers are',
    },
  },
  {
    name: 'platform-chance',
    pattern: /\bMath\.random\b/,
    advice: 'take a Random (@weft/api) instead of the machine’s',
    except: { 'libs/api/src/platform/system.ts': 'it is the machine’s chance' },
  },
  {
    name: 'pure-time',
    pattern: /\bsystem(Clock|Random)\b/,
    advice: 'a domain is a function of what it is given: let its caller pass time and chance in',
    only: domain,
    except: { 'libs/api/src/platform/system.ts': 'makes them', 'libs/api/src/index.ts': 'exports them' },
  },
  {
    name: 'hash-private',
    pattern: /(^|[(,])\s*(private|public) (?!constructor\b)[\w*[#]/,
    advice:
      'hide members with #, which holds at run time as well; `private` is for constructors only, `protected` for what a base class leaves to its heirs',
    except: {},
  },
  {
    name: 'typed-data',
    pattern: /\bas unknown as\b|\bas any\b|\[(['"])[\w.]+\1\] as /,
    advice: 'declare what the event, payload or row holds (defineEvents, checked payloads, schemas) instead of a cast',
    only: kinds,
    except: { 'libs/network/src/event/event.kind.ts': 'joins JSON schemas' },
  },
];

/** What breaks `rule` in a text: line numbers from 1. Comments do not count. */
export function breaches({ pattern }, text) {
  return text.split('\n').flatMap((line, index) => (pattern.test(withoutComment(line)) ? [index + 1] : []));
}

function withoutComment(line) {
  return /^\s*(\*|\/\*)/.test(line) ? '' : line.replace(/(^|\s)\/\/.*$/, '');
}

/** One line for each breach, and for each exception that is not needed. `paths`: only files below these, and no look at exceptions. */
export function houseRuleProblems(paths = []) {
  const problems = [];
  const needed = new Set();
  const wanted = (file) => paths.length === 0 || paths.some((path) => file.startsWith(path.replace(/\/+$/, '')));
  for (const file of sources()) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const rule of rules) {
      if (rule.only !== undefined && !rule.only.some((place) => file.startsWith(place))) continue;
      const exception = Object.keys(rule.except).find((place) => file.startsWith(place));
      const lines = breaches(rule, text);
      if (lines.length === 0) continue;
      if (exception !== undefined) needed.add(`${rule.name} ${exception}`);
      else if (wanted(file)) problems.push(...lines.map((line) => `${file}:${line} ${rule.name}: ${rule.advice}`));
    }
  }
  if (paths.length > 0) return problems;
  for (const { name, except } of rules) {
    for (const place of Object.keys(except)) {
      if (!needed.has(`${name} ${place}`)) problems.push(`tools/house-rules.mjs ${name}: ${place} needs no exception any more`);
    }
  }
  return problems;
}

/** Sources that are built: neither tests nor what only tests use. */
function sources() {
  const folders = ['libs', 'apps'].flatMap((base) => readdirSync(join(root, base)).map((name) => `${base}/${name}/src`));
  return folders
    .filter((folder) => existsSync(join(root, folder)) && folder !== 'libs/testing/src')
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`))
    .filter((file) => file.endsWith('.ts') && !isTestFile(file));
}
