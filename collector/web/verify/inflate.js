// Unpacking deflate (RFC 1951). The browser's own way is not asked: some pass over what stands behind the end of a stream, and one
// stream of theirs for each of many small members takes longer than all of this.

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
const DISTANCE_EXTRA = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MOST_BITS = 15, QUICK_BITS = 9;

/** A stream that is not what it has to be. */
class BadDeflate extends Error {}

/** What a stream holds, if it is exactly `size` bytes long and ends where `packed` ends; throws BadDeflate. */
function inflate(packed, size) {
  const out = new Uint8Array(size);
  let at = 0, held = 0, count = 0, filled = 0;

  const need = (bits) => {
    while (count < bits) {
      if (at >= packed.length) throw new BadDeflate("it is cut off");
      held |= packed[at++] << count;
      count += 8;
    }
  };
  const take = (bits) => {
    need(bits);
    const value = held & ((1 << bits) - 1);
    held >>>= bits;
    count -= bits;
    return value;
  };
  const symbol = ({ quick, counts, symbols }) => {
    while (count < MOST_BITS && at < packed.length) {
      held |= packed[at++] << count;
      count += 8;
    }
    const found = quick[held & ((1 << QUICK_BITS) - 1)];
    if (found && found >> 12 <= count) {
      held >>>= found >> 12;
      count -= found >> 12;
      return found & 0xfff;
    }
    for (let length = 1, code = 0, first = 0, index = 0; length <= MOST_BITS && length <= count; length++) {
      code |= (held >>> (length - 1)) & 1;
      if (code - first < counts[length]) {
        held >>>= length;
        count -= length;
        return symbols[index + code - first];
      }
      index += counts[length];
      first = (first + counts[length]) << 1;
      code <<= 1;
    }
    throw new BadDeflate("a code that is none");
  };
  const room = (bytes) => {
    if (filled + bytes > size) throw new BadDeflate("it is longer than it is listed");
  };

  const stored = () => {
    held = 0; // up to the next whole byte; bytes read ahead are given back
    at -= count >> 3;
    count = 0;
    if (at + 4 > packed.length) throw new BadDeflate("it is cut off");
    const length = packed[at] | (packed[at + 1] << 8);
    if (length !== (~(packed[at + 2] | (packed[at + 3] << 8)) & 0xffff)) throw new BadDeflate("a length that is none");
    at += 4;
    if (at + length > packed.length) throw new BadDeflate("it is cut off");
    room(length);
    out.set(packed.subarray(at, at + length), filled);
    at += length;
    filled += length;
  };

  const coded = (literals, distances) => {
    for (let one; (one = symbol(literals)) !== 256; ) {
      if (one < 256) {
        room(1);
        out[filled++] = one;
        continue;
      }
      if (one > 285) throw new BadDeflate("a length that is none");
      const length = LENGTH_BASE[one - 257] + take(LENGTH_EXTRA[one - 257]);
      const far = symbol(distances);
      if (far > 29) throw new BadDeflate("a distance that is none");
      const distance = DISTANCE_BASE[far] + take(DISTANCE_EXTRA[far]);
      if (distance > filled) throw new BadDeflate("it begins before itself");
      room(length);
      for (const end = filled + length; filled < end; filled++) out[filled] = out[filled - distance];
    }
  };

  const described = () => {
    const [literals, distances, codes] = [take(5) + 257, take(5) + 1, take(4) + 4];
    if (literals > 286 || distances > 30) throw new BadDeflate("more codes than there are");
    const order = new Uint8Array(19);
    for (let place = 0; place < codes; place++) order[CODE_ORDER[place]] = take(3);
    const reader = codeOf(order, false);
    const lengths = new Uint8Array(literals + distances);
    for (let place = 0; place < lengths.length; ) {
      const one = symbol(reader);
      if (one < 16) {
        lengths[place++] = one;
        continue;
      }
      if (one === 16 && !place) throw new BadDeflate("nothing to repeat");
      const value = one === 16 ? lengths[place - 1] : 0;
      const times = one === 16 ? 3 + take(2) : one === 17 ? 3 + take(3) : 11 + take(7);
      if (place + times > lengths.length) throw new BadDeflate("more codes than there are");
      lengths.fill(value, place, (place += times));
    }
    if (!lengths[256]) throw new BadDeflate("it has no end");
    coded(codeOf(lengths.subarray(0, literals), true), codeOf(lengths.subarray(literals), true));
  };

  for (let isLast = 0; !isLast; ) {
    isLast = take(1);
    const kind = take(2);
    if (kind === 0) stored();
    else if (kind === 1) coded(FIXED_LITERALS, FIXED_DISTANCES);
    else if (kind === 2) described();
    else throw new BadDeflate("a block of no kind");
  }
  if (filled !== size) throw new BadDeflate("it is shorter than it is listed");
  if (at - (count >> 3) !== packed.length) throw new BadDeflate("something stands behind it");
  return out;
}

/** A Huffman code from its lengths (RFC 1951, 3.2.2), with a table for short ones; throws BadDeflate unless it is whole. */
function codeOf(lengths, mayBeOne) {
  const counts = new Uint16Array(MOST_BITS + 1), symbols = new Uint16Array(lengths.length), quick = new Uint16Array(1 << QUICK_BITS);
  for (const length of lengths) counts[length]++;
  const used = lengths.length - counts[0];
  counts[0] = 0;
  let left = 1;
  for (let length = 1; length <= MOST_BITS; length++) {
    left = (left << 1) - counts[length];
    if (left < 0) throw new BadDeflate("a code of too many");
  }
  if (left && !(mayBeOne && (used === 0 || (used === 1 && counts[1] === 1)))) throw new BadDeflate("a code of too few"); // as zlib has it
  const offsets = new Uint16Array(MOST_BITS + 2), next = new Uint16Array(MOST_BITS + 2);
  for (let length = 1; length <= MOST_BITS; length++) {
    offsets[length + 1] = offsets[length] + counts[length];
    next[length + 1] = (next[length] + counts[length]) << 1;
  }
  lengths.forEach((length, symbol) => {
    if (!length) return;
    symbols[offsets[length]++] = symbol;
    let code = next[length]++, turned = 0;
    if (length > QUICK_BITS) return;
    for (let bit = 0; bit < length; bit++, code >>= 1) turned = (turned << 1) | (code & 1);
    for (; turned < quick.length; turned += 1 << length) quick[turned] = (length << 12) | symbol;
  });
  return { quick, counts, symbols };
}

const FIXED_LITERALS = codeOf(Uint8Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)), true);
const FIXED_DISTANCES = codeOf(new Uint8Array(32).fill(5), true);
