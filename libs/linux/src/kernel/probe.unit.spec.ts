import { guardTable, publicTable, routerTable } from '../objects/base-tables.ts';
import type { KernelAccess } from './kernel-access.ts';
import { KernelUnfitError, probeKernel } from './probe.ts';

const TABLES = [routerTable([]), guardTable(1), publicTable([], 'inet'), publicTable([], 'netdev')] as const;

/** A machine that answers the look for tools and the trials as told. */
function machine(tools: string, trials: string, code = 0): KernelAccess {
  const answers = [tools, trials];
  const unused = () => Promise.reject(new Error('not used by the probe'));
  return {
    ip: unused,
    ipOnce: unused,
    bridge: unused,
    nft: unused,
    forget: unused,
    close: unused,
    shell: async () => ({ code, output: answers.shift() ?? '' }),
  };
}

const unfit = async (access: KernelAccess): Promise<readonly string[]> => {
  const error: unknown = await probeKernel(access, [
    routerTable([]),
    guardTable(1),
    publicTable([], 'inet'),
    publicTable([], 'netdev'),
  ]).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KernelUnfitError)) throw new Error(`not a KernelUnfitError: ${String(error)}`);
  return error.missing;
};

describe('The probe of the kernel', () => {
  it('names the Debian packages of tools that are missing', async () => {
    expect(await unfit(machine('@nft\n@conntrack\n', ''))).toEqual([
      'nft is missing: install the Debian package nftables.',
      'conntrack is missing: install the Debian package conntrack.',
    ]);
  });

  it('tells when the host’s namespace cannot be entered, and when none can be made', async () => {
    expect(await unfit(machine('nsenter: cannot open /run/netns/x: No such file or directory\n', '', 1))).toEqual([
      expect.stringContaining('cannot open /run/netns/x'),
    ]);
    expect(await unfit(machine('', 'unshare: unshare failed: Operation not permitted\n'))).toEqual([
      expect.stringContaining('Operation not permitted'),
    ]);
  });

  it('names what the kernel lacks', async () => {
    const listings = `${'{"nftables": []}\n'.repeat(4)}@end\n`;
    expect(await unfit(machine('', `!2\n@nft\n${listings}`))).toEqual(['The kernel offers no VXLAN devices.']);
    expect(await unfit(machine('', '@nft\nError: No such file or directory; did you mean fib\n@end\n'))).toEqual([
      'nftables refuses the base rules: Error: No such file or directory; did you mean fib',
    ]);
  });

  it('is content with a machine that does it all', async () => {
    const shapes = await probeKernel(machine('', `@nft\n${'{"nftables": []}\n'.repeat(4)}@end\n`), TABLES);
    expect(shapes.router).toEqual({ structure: new Map(), rules: '' });
  });
});
