#!/usr/bin/env node
/**
 * Makes a fresh clone ready for a command: `node tools/setup.mjs start|test|demo|bench|build`.
 *
 * npm packages are installed when the lock has changed since the last time. System tools that the command needs are looked for and, where
 * possible, brought in: into node_modules/.cache/weft, or with apt-get on Debian and Ubuntu when run by root. Prints nothing when there is
 * nothing to do. Needs Node alone.
 */
import { existsSync } from 'node:fs';
import { installPackages, packagesAreCurrent } from './setup/packages.mjs';
import { find, provide, tools } from './setup/system-tools.mjs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 20)) fail(`Weft needs Node 20.20 or later; this is ${process.versions.node}.`);

const command = process.argv[2] ?? 'test';
const dataplane = process.platform === 'linux' ? ['ip', 'nft', 'conntrack'] : [];
/** For guests that get their addresses over DHCP. */
const guests = process.platform === 'linux' ? ['dnsmasq', 'radvd'] : [];
const bus = process.env.WEFT_NATS ? [] : ['nats-server'];
const linuxAgent = process.env.WEFT_DATAPLANE === 'linux';

/** Tools without which a command cannot run, and tools without which it does less. */
const needs = {
  build: { must: [], may: [] },
  start: { must: [...bus, ...(linuxAgent ? dataplane : [])], may: linuxAgent ? guests : [] },
  demo: { must: ['nats-server'], may: [...dataplane, 'ping'] },
  bench: { must: ['nats-server'], may: [...dataplane, 'iperf3'] },
  test: {
    must: [],
    may: ['nats-server', ...dataplane, ...guests, 'dhcpcd', 'ping', 'kubectl 1.20', 'kubectl 1.35', 'bird', 'docker-compose'],
  },
}[command];
if (needs === undefined) fail(`Unknown command "${command}": start, test, demo, bench or build.`);

try {
  if (!packagesAreCurrent()) await installPackages(say);
} catch (error) {
  fail(error.message);
}
const wanted = [...needs.must, ...needs.may];
const missing = wanted.some((name) => find(name) === undefined) ? await provide(wanted, say) : [];
for (const name of missing) say(`${name} is missing (${tools[name].why}). ${howToGet(name)}`);
const blocking = missing.filter((name) => needs.must.includes(name));
if (blocking.length > 0) fail(`Cannot ${command} without ${blocking.join(', ')}.`);

function howToGet(name) {
  const { debian, elsewhere } = tools[name];
  if (existsSync('/etc/debian_version') && debian) return `Get it with: sudo apt-get install ${debian}`;
  return elsewhere === undefined
    ? 'Install it with your system’s package manager.'
    : `Install it with your package manager, or from ${elsewhere}`;
}

function say(message) {
  console.error(`setup: ${message}`);
}

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}
