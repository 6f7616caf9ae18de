export { checkConnectivity, diagnosis, type Expectation, everyPair, type Guest } from './netlab/connectivity.ts';
export { Inside } from './netlab/inside.ts';
export { KernelWatch } from './netlab/kernel-watch.ts';
export { type LabHost, Netlab, type NetlabOptions, namespaces, type Pinged } from './netlab/netlab.ts';
export { claim, removeNow } from './netlab/ownership.ts';
export { Probe, type ProbeResult } from './netlab/probe.ts';
export { eventually, must, run, whyNoNetlab } from './netlab/run.ts';
