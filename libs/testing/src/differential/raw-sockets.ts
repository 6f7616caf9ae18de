/** Packet sockets in network namespaces: whole frames are sent by them, and all frames that come by are read. */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const CLONE_NEWNET = 0x40000000;
const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
/** In network byte order. */
const ETH_P_ALL = 0x0300;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BYTES = 32 << 20;
const PACKET_OUTGOING = 4;
const FRAME_BYTES_MAX = 1 << 16;
/** struct sockaddr_ll: family, protocol, device, hardware, type of packet, address. */
const ADDRESS_BYTES = 20;

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int, int)');
const socket = libc.func('int socket(int, int, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32_t)');
const sendto = libc.func('int64_t sendto(int, void *, size_t, int, void *, uint32_t)');
const recvfrom = libc.func('int64_t recvfrom(int, void *, size_t, int, void *, void *)');
const deviceIndex = libc.func('uint32_t if_nametoindex(const char *)');
const strerror = libc.func('const char *strerror(int)');

function failure(what: string): Error {
  return new Error(`${what}: ${String(strerror(koffi.errno()))}`);
}

/** Runs `body`, which must not wait, inside a namespace. */
function within<T>(netns: string, body: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(`/run/netns/${netns}`, 'r');
  try {
    if (setns(there, CLONE_NEWNET) !== 0) throw failure(`entering ${netns}`);
    return body();
  } finally {
    // Whatever comes next must not happen in the wrong namespace.
    if (setns(home, CLONE_NEWNET) !== 0) process.abort();
    closeSync(there);
    closeSync(home);
  }
}

/** A frame that came to a device, or that a program or the namespace itself sent out by one. */
export type SeenFrame = Readonly<{ frame: Buffer; isOutgoing: boolean }>;

export class RawSocket {
  readonly netns: string;
  readonly #fd: number;
  readonly #frame = Buffer.alloc(FRAME_BYTES_MAX);
  readonly #address = Buffer.alloc(ADDRESS_BYTES);
  readonly #length = Buffer.alloc(4);
  readonly #devices = new Map<string, number>();

  constructor(netns: string) {
    this.netns = netns;
    this.#fd = within(netns, () => socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, ETH_P_ALL)) as number;
    if (this.#fd < 0) throw failure(`a socket in ${netns}`);
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(RECEIVE_BYTES);
    setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes, 4);
  }

  send(device: string, frame: Buffer): void {
    const to = Buffer.alloc(ADDRESS_BYTES);
    to.writeUInt16LE(AF_PACKET, 0);
    to.writeUInt16BE(frame.readUInt16BE(12), 2);
    to.writeInt32LE(this.#indexOf(device), 4);
    if (Number(sendto(this.#fd, frame, frame.length, 0, to, ADDRESS_BYTES)) < 0) throw failure(`sending from ${this.netns}`);
  }

  /** What has come since the last call. */
  *take(): Iterable<SeenFrame> {
    for (;;) {
      this.#length.writeInt32LE(ADDRESS_BYTES);
      const length = Number(recvfrom(this.#fd, this.#frame, FRAME_BYTES_MAX, 0, this.#address, this.#length));
      if (length < 0) return;
      yield { frame: Buffer.from(this.#frame.subarray(0, length)), isOutgoing: this.#address[10] === PACKET_OUTGOING };
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #indexOf(device: string): number {
    let index = this.#devices.get(device);
    if (index === undefined) {
      index = within(this.netns, () => deviceIndex(device)) as number;
      if (index === 0) throw failure(`${device} in ${this.netns}`);
      this.#devices.set(device, index);
    }
    return index;
  }
}
