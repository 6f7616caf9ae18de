/** Who reacts to what, for a terminal and as Markdown for the docs. The same code always gives the same text. */
import type { DerivedSeen, LedgerSeen, LoopSeen, WhoReacts } from './who-reacts.ts';

export function graphText({ contexts, ledgers, tables, rows, compile }: WhoReacts): string {
  const lines: string[] = [];
  for (const { context, loops } of contexts) {
    lines.push(`${context}${loops.length === 0 ? ': no control loops' : ''}`);
    for (const loop of loops) {
      lines.push(`  ${loop.name}${loop.provider === undefined ? '' : ` (provider ${loop.provider})`}: asked about ${loop.over}`);
      for (const read of loop.reads) lines.push(`    reads ${read}`);
      for (const command of loop.sends) lines.push(`    sends ${command}`);
      if (loop.idle !== undefined) lines.push(`    sends nothing: ${loop.idle}`);
    }
    lines.push('');
  }
  lines.push('ledgers');
  for (const { name, puts, deletes } of ledgers) {
    lines.push(`  ${name}`);
    for (const type of puts) lines.push(`    put by ${type}`);
    for (const type of deletes) lines.push(`    deleted by ${type}`);
  }
  lines.push('', `tables: ${tables.join(', ')}`);
  for (const { projection, derived } of [...rows, { projection: 'compile: kernel objects of a host', derived: compile }]) {
    lines.push('', projection);
    for (const { name, over, reads } of derived) {
      lines.push(`  ${name}: asked about ${over}`);
      for (const read of reads) lines.push(`    reads ${read}`);
    }
  }
  return lines.join('\n');
}

export function graphMarkdown({ contexts, ledgers, tables, rows, compile }: WhoReacts): string {
  const parts: string[] = [];
  for (const { context, loops } of contexts) {
    if (loops.length === 0) parts.push(`Context **${context}** has no control loops yet.`);
    else parts.push(`Control loops of **${context}**:`, table(['Loop', 'Asked about', 'Reads', 'Sends'], loops.map(loopRow)));
  }
  parts.push('Ledgers:', table(['Ledger', 'A record is put by', 'and deleted by'], ledgers.map(ledgerRow)));
  parts.push(`Projections, which make the tables ${code(tables)}:`);
  for (const { projection, derived } of rows)
    parts.push(`Rows of **${projection}**:`, table(['Derived', 'Asked about', 'Reads'], derived.map(derivedRow)));
  parts.push(
    'Compile, on each host, from these rows to kernel objects:',
    table(['Derived', 'Asked about', 'Reads'], compile.map(derivedRow)),
  );
  return parts.join('\n\n');
}

function loopRow({ name, provider, over, reads, sends, idle }: LoopSeen): readonly string[] {
  return [
    `\`${name}\`${provider === undefined ? '' : ` (${provider})`}`,
    over,
    list(reads),
    idle === undefined ? list(sends) : `nothing: ${idle}`,
  ];
}

function ledgerRow({ name, puts, deletes }: LedgerSeen): readonly string[] {
  return [`\`${name}\``, list(puts), list(deletes)];
}

function derivedRow({ name, over, reads }: DerivedSeen): readonly string[] {
  return [name, over, list(reads)];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function list(values: readonly string[]): string {
  return values.length === 0 ? '–' : values.join('<br>');
}

function code(values: readonly string[]): string {
  return values.map((value) => `\`${value}\``).join(', ');
}
