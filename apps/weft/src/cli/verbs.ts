/** What `weft` can do. To add a verb: its file under `verbs/`, and a line here; help, completion and docs/cli.md follow (`npm run cli -- --write`). */
import type { Verb } from './verb.ts';

export type VerbEntry = Readonly<{ name: string; summary: string; group: string; load: () => Promise<Verb> }>;

const RUN = 'Run Weft:';
const LOOK = 'Look at it:';
const CHANGE = 'Change it:';
const REMEMBER = 'Ask what it remembers:';
export const SELF = 'The command itself:';

export const VERBS: readonly VerbEntry[] = [
  {
    name: 'up',
    summary: 'event store, bus, all services and an agent for this machine',
    group: RUN,
    load: () => import('../verbs/up.ts').then(({ up }) => up),
  },
  { name: 'get', summary: 'shows resources', group: LOOK, load: () => import('../verbs/get.ts').then(({ get }) => get) },
  {
    name: 'hosts',
    summary: 'shows hosts, and how far each has come',
    group: LOOK,
    load: () => import('../verbs/hosts.ts').then(({ hosts }) => hosts),
  },
  {
    name: 'host',
    summary: 'shows what the kernel of a host holds, and what is behind each entry',
    group: LOOK,
    load: () => import('../verbs/host.ts').then(({ host }) => host),
  },
  {
    name: 'events',
    summary: 'prints what happens, or what has happened since any point',
    group: LOOK,
    load: () => import('../verbs/events.ts').then(({ events }) => events),
  },
  {
    name: 'trace',
    summary: 'tells what becomes of a packet, where, and by whose command',
    group: LOOK,
    load: () => import('../verbs/trace.ts').then(({ trace }) => trace),
  },
  {
    name: 'blame',
    summary: 'tells since when a packet fares as it does, and by whose command',
    group: REMEMBER,
    load: () => import('../verbs/blame.ts').then(({ blame }) => blame),
  },
  {
    name: 'staged',
    summary: 'tells what staged policies would have refused',
    group: LOOK,
    load: () => import('../verbs/staged.ts').then(({ staged }) => staged),
  },
  {
    name: 'convergence',
    summary: 'tells whether a change has arrived everywhere, and what is missing',
    group: LOOK,
    load: () => import('../verbs/convergence.ts').then(({ convergence }) => convergence),
  },
  {
    name: 'wait',
    summary: 'waits until a change has arrived everywhere',
    group: LOOK,
    load: () => import('../verbs/wait.ts').then(({ wait }) => wait),
  },
  {
    name: 'plan',
    summary: 'tells what manifests would change: resources, rows, hosts, and who would reach whom',
    group: CHANGE,
    load: () => import('../verbs/plan.ts').then(({ plan }) => plan),
  },
  {
    name: 'apply',
    summary: 'carries a plan out, if it would still do what it says',
    group: CHANGE,
    load: () => import('../verbs/apply.ts').then(({ apply }) => apply),
  },
  {
    name: 'history',
    summary: 'tells what happened to an object, who did it, and why',
    group: REMEMBER,
    load: () => import('../verbs/history.ts').then(({ history }) => history),
  },
  {
    name: 'diff',
    summary: 'tells what differs between two moments',
    group: REMEMBER,
    load: () => import('../verbs/diff.ts').then(({ diff }) => diff),
  },
  {
    name: 'replay',
    summary: 'makes rows or events of the log once more, and compares rows with those that are published',
    group: REMEMBER,
    load: () => import('../verbs/replay.ts').then(({ replay }) => replay),
  },
  {
    name: 'verify',
    summary: 'checks everything that an event store holds, also while Weft runs on it',
    group: REMEMBER,
    load: () => import('../verbs/verify.ts').then(({ verify }) => verify),
  },
  {
    name: 'copy-log',
    summary: 'copies the event log into another store, and compares both',
    group: RUN,
    load: () => import('../verbs/copy-log.ts').then(({ copy }) => copy),
  },
  {
    name: 'version',
    summary: 'tells the versions of this command and of the server',
    group: SELF,
    load: () => import('../verbs/version.ts').then(({ version }) => version),
  },
  {
    name: 'completion',
    summary: 'prints what a shell has to know to complete this command',
    group: SELF,
    load: () => import('../verbs/completion.ts').then(({ completion }) => completion),
  },
];
