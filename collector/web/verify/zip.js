// Reading an evidence zip without trusting it (collector/evidence/archive.py): one reading only, nothing is extracted. The
// members fill the file from its first byte to the list of members, which fills it to its end; what the list says of a member is
// what stands before that member, and what comes out of it.

const MAX_MEMBERS = 200000;
const MAX_MEMBER_BYTES = 64 * 1024 * 1024;
const MAX_TOTAL_BYTES = 2 * 1024 * 1024 * 1024;
const STORED = 0, DEFLATED = 8;
const ENCRYPTED = 1, SIZES_BEHIND = 8, NAME_UTF8 = 0x800;
const HARMLESS_FLAGS = 6 | SIZES_BEHIND | NAME_UTF8; // 6: how hard the packer tried
const END_BYTES = 22, END64_BYTES = 56, PLACE64_BYTES = 20, LISTED_BYTES = 46, LOCAL_BYTES = 30;

/** The members by name, in the order of their names; throws NotEvidence. `report(done, total)` is told of bytes. */
async function readArchive(data, report = async () => {}) {
  try {
    const listed = listedIn(data);
    const files = new Map();
    let done = 0;
    for (const one of listed) {
      files.set(one.name, unpacked(data, one));
      await report((done += one.size), listed.total);
    }
    return files;
  } catch (error) {
    if (error instanceof RangeError) throw new NotEvidence("not a readable zip: it points outside itself");
    throw error;
  }
}

/** What the list at the end says, once it was found to be what stands before each member. */
function listedIn(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const refuse = (why) => {
    throw new NotEvidence(`not a readable zip: ${why}`);
  };
  let end = data.length - END_BYTES;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50 || view.getUint16(end + 20, true)) refuse("no list of members at its very end");
  let count = view.getUint16(end + 10, true), size = view.getUint32(end + 12, true), begin = view.getUint32(end + 16, true);
  const isOne = !view.getUint32(end + 4, true) && view.getUint16(end + 8, true) === count;
  if (!isOne) refuse("in several parts");
  if (count === 0xffff || size === 0xffffffff || begin === 0xffffffff) {
    const place = end - PLACE64_BYTES;
    end = place - END64_BYTES;
    if (end < 0 || view.getUint32(place, true) !== 0x07064b50 || view.getUint32(end, true) !== 0x06064b50) refuse("no large list of members");
    if (view.getBigUint64(place + 8, true) !== BigInt(end) || view.getBigUint64(end + 4, true) !== 44n) refuse("another large list of members");
    if (view.getBigUint64(end + 24, true) !== view.getBigUint64(end + 32, true)) refuse("in several parts");
    [count, size, begin] = [32, 40, 48].map((at) => Number(view.getBigUint64(end + at, true)));
  }
  if (begin + size !== end) refuse("its list of members is elsewhere");
  if (count > MAX_MEMBERS) throw new NotEvidence("too many members, or one name twice");
  const listed = [], names = new Set();
  let at = begin, filled = 0, total = 0;
  for (let number = 0; number < count; number++) {
    const one = memberAt(data, view, at, refuse);
    if (names.has(one.name)) throw new NotEvidence("too many members, or one name twice");
    names.add(one.name);
    if (one.offset !== filled) refuse(`${one.name} is not where the member before it ends`);
    filled = checkLocal(data, view, one, refuse);
    if (filled > begin) refuse(`${one.name} reaches into the list of members`);
    at += LISTED_BYTES + one.tail;
    total += one.size;
    listed.push(one);
  }
  if (at !== end || filled !== begin) refuse("there is more in it than its members");
  if (total > MAX_TOTAL_BYTES) throw new NotEvidence("more than evidence ever holds");
  listed.total = total;
  return listed;
}

function memberAt(data, view, at, refuse) {
  if (view.getUint32(at, true) !== 0x02014b50) refuse("its list of members is broken");
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
  const [crc, packed, size] = [16, 20, 24].map((place) => view.getUint32(at + place, true));
  const [nameBytes, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
  const raw = data.subarray(at + LISTED_BYTES, at + LISTED_BYTES + nameBytes);
  const name = nameIn(raw, flags);
  if (flags & ENCRYPTED) refuse(`${name} is encrypted`);
  if (flags & ~HARMLESS_FLAGS || view.getUint16(at + 34, true)) refuse(`${name} is packed in another way`);
  if (method !== STORED && method !== DEFLATED) throw new NotEvidence("packed in a way that no collector uses");
  if (size > MAX_MEMBER_BYTES || packed > MAX_MEMBER_BYTES + 65536) throw new NotEvidence(`${name} is larger than any member is`);
  if (method === STORED && packed !== size) refuse(`${name} has two sizes`);
  return { name, raw, flags, method, crc, packed, size, offset: view.getUint32(at + 42, true), tail: nameBytes + extra + comment };
}

/** A name that means the same file to every reader, and none outside a folder; throws NotEvidence. */
function nameIn(raw, flags) {
  let name;
  try {
    name = textOf(raw);
  } catch {
    throw new NotEvidence("a member's name is not text");
  }
  const isNamed = isPlain(name) || flags & NAME_UTF8;
  if (!isNamed || /[\x00-\x1f\x7f\\:]/.test(name) || name.split("/").some((part) => ["", ".", ".."].includes(part))) {
    throw new NotEvidence(`a member's name leads elsewhere: ${asciiOf(name)}`);
  }
  return name;
}

/** Where a member ends, if what stands before and behind it is what the list says. */
function checkLocal(data, view, one, refuse) {
  const at = one.offset;
  if (view.getUint32(at, true) !== 0x04034b50) refuse(`${one.name} is not where it is listed`);
  const [nameBytes, extra] = [view.getUint16(at + 26, true), view.getUint16(at + 28, true)];
  const isSame = view.getUint16(at + 6, true) === one.flags && view.getUint16(at + 8, true) === one.method;
  if (!isSame || !equalBytes(data.subarray(at + LOCAL_BYTES, at + LOCAL_BYTES + nameBytes), one.raw)) refuse(`${one.name} is another member than is listed`);
  one.from = at + LOCAL_BYTES + nameBytes + extra;
  const end = one.from + one.packed;
  const figures = [one.crc, one.packed, one.size];
  const are = (from) => figures.every((figure, place) => view.getUint32(from + 4 * place, true) === figure);
  if (!(one.flags & SIZES_BEHIND)) return are(at + 14) ? end : refuse(`${one.name} has two sizes`);
  if (view.getUint32(end, true) === 0x08074b50 && are(end + 4)) return end + 16;
  return are(end) ? end + 12 : refuse(`${one.name} has two sizes`);
}

function unpacked(data, one) {
  const packed = data.subarray(one.from, one.from + one.packed);
  const found = one.method === STORED ? packed : inflated(packed, one);
  if (crc32(found) !== one.crc) throw new NotEvidence(`not a readable zip: ${one.name} is damaged`);
  return found;
}

function inflated(packed, one) {
  try {
    return inflate(packed, one.size);
  } catch (error) {
    if (!(error instanceof BadDeflate)) throw error;
    throw new NotEvidence(`not a readable zip: ${one.name} cannot be unpacked: ${error.message}`);
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function crc32(data) {
  let crc = 0xffffffff;
  for (let at = 0; at < data.length; at++) crc = CRC_TABLE[(crc ^ data[at]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
