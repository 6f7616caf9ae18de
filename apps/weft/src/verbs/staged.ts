/** `weft staged`: what staged policies would have refused. */
import { DONE } from '../cli/exit-codes.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import { textOf, type Verb } from '../cli/verb.ts';
import { completeRefs } from './get.ts';

type Policy = Readonly<{
  namespace: string;
  name: string;
  network: string;
  refused: number;
  egress: number;
  ingress: number;
  interfaces: number;
  hosts: readonly Readonly<{ host: string; at: string; refused: number; interfaces: number; simulated?: true }>[];
  busiest: readonly Readonly<{ namespace?: string; name?: string; host: string; direction: string; packets: number }>[];
}>;

export const staged: Verb = {
  declare(command) {
    command
      .description(
        'Tells what staged NetworkPolicies (annotation fabric.weft.dev/staged: "true") would have refused, in packets of the first direction of flows, as hosts have counted them since the policy changed last. Nothing of them is enforced.',
      )
      .argument('[policy]', 'name, or namespace/name; without it: all of them')
      .option('-n, --namespace <name>', 'those of a namespace')
      .addHelpText(
        'after',
        '\nExamples:\n  weft staged\n  weft staged default/quarantine -o json\n  weft plan --promote networkpolicy/default/quarantine   # what enforcing it would change',
      );
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { args, options, terminal } = call;
    const [policy] = args;
    const query = { policy, namespace: textOf(options, 'namespace') };
    const { policies } = await serverOf(call).json<Readonly<{ policies: readonly Policy[] }>>('/weft/v1/staged', { query });
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument({ policies }, format, terminal);
    else if (policies.length === 0) terminal.say('no policy is staged');
    else for (const line of policies.flatMap((each) => [...linesOf(each)])) terminal.say(line);
    return DONE;
  },

  complete: (words, call) => completeRefs(['networkpolicies', ...words.slice(-1)], call),
};

function* linesOf({ namespace, name, network, refused, egress, ingress, interfaces, hosts, busiest }: Policy): Iterable<string> {
  const head = `networkpolicy/${namespace}/${name} of network ${network}`;
  if (hosts.length === 0) {
    yield `${head}: no host has said yet what it would refuse (no interface is restricted by it alone, or its hosts are away)`;
    return;
  }
  yield `${head}: would have refused ${count(refused, 'packet')} (egress ${egress}, ingress ${ingress}) at ${count(interfaces, 'interface')}`;
  for (const { host, at, refused: here, interfaces: of, simulated } of hosts)
    yield `  ${host}: ${count(here, 'packet')} at ${count(of, 'interface')}, as of ${at}${simulated ? '; its dataplane is simulated, so no packets come by' : ''}`;
  for (const { host, namespace: space, name: nic, direction, packets } of busiest)
    yield `  nic/${space ?? '?'}/${nic ?? '?'} on ${host}: ${count(packets, 'packet')}, ${direction}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
