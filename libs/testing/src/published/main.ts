/**
 * `npm run schemas`: says how the schemas of events differ from those that are published. `--write` publishes those that are new or have grown; it refuses
 * what breaks one. `--record=v0.3` records streams as this version writes them.
 */
import { registry } from '@weft/api';
import { weftDomains } from '../world/weft-domains.ts';
import { broken, publishedSchemas, recordStreams, schemasNow, writeSchemas } from './published.ts';

const options = process.argv.slice(2);
const version = options.find((option) => option.startsWith('--record='))?.slice('--record='.length);
const say = (line: string) => process.stdout.write(`${line}\n`);

const lifted = new Set(registry(weftDomains).domains.flatMap(({ lifts = {} }) => Object.keys(lifts)));
const [published, now] = [publishedSchemas(), schemasNow()];
const breaks = broken(published, now, (type) => lifted.has(type));
const differing = Object.keys(now).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(published[name]));
for (const name of differing) say(`${published[name] === undefined ? 'new    ' : 'changed'} ${name}`);
for (const each of breaks) say(`BREAKS  ${each}`);
if (breaks.length > 0) {
  say('A published schema keeps its meaning: give the event type a new version, and lift the old one (CONTRIBUTING.md).');
  process.exitCode = 1;
} else if (options.includes('--write')) {
  writeSchemas({ ...published, ...now });
  say(`${Object.keys(now).length} schemas are published`);
}
if (version !== undefined) say(`${recordStreams(version)} events were recorded as ${version}`);
