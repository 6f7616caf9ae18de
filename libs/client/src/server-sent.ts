/** Reads server-sent events (WHATWG HTML 9.2): fields until an empty line. */
export type ServerSent = Readonly<{ id?: string; event?: string; data: string }>;

export async function* serverSent(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop() as string;
    for (const block of blocks) {
      const found = fieldsOf(block);
      if (found !== undefined) yield found;
    }
  }
}

function fieldsOf(block: string): ServerSent | undefined {
  const fields: { id?: string; event?: string; data?: string } = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).replace(/^ /, '');
    const name = line.slice(0, colon);
    if (name === 'data') fields.data = fields.data === undefined ? value : `${fields.data}\n${value}`;
    else if (name === 'id' || name === 'event') fields[name] = value;
  }
  const { data } = fields;
  return data === undefined ? undefined : { ...fields, data };
}
