/** Writes protobuf messages, field by field. A nested message is written by a function that gets a writer of its own. */
export class Writer {
  #parts: Buffer[] = [];

  text(number: number, value: string): void {
    this.#bytes(number, Buffer.from(value, 'utf8'));
  }

  flag(number: number, value: boolean): void {
    this.#parts.push(varint((number << 3) | 0), varint(value ? 1 : 0));
  }

  double(number: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(varint((number << 3) | 1), bytes);
  }

  message(number: number, write: (writer: Writer) => void): void {
    const inner = new Writer();
    write(inner);
    this.#bytes(number, inner.bytes());
  }

  bytes(): Buffer {
    const bytes = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [bytes];
    return bytes;
  }

  #bytes(number: number, value: Buffer): void {
    this.#parts.push(varint((number << 3) | 2), varint(value.length), value);
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
