// Bytes, text and base64, read to the letter. Nothing here is believed; whatever is not as it must be is Malformed.

/** Bytes that are not in the format they claim to be in (shared/errors.py). */
class Malformed extends Error {}
/** A signature that does not fit the key and the message. */
class WrongSignature extends Malformed {}
/** The file is not an evidence file at all. */
class NotEvidence extends Error {}
/** This browser cannot do what a step needs: the step is neither passed nor failed. */
class CannotCheck extends Error {}

const UTF8 = new TextEncoder();
const utf8 = (text) => UTF8.encode(text);

/** UTF-8 to the letter, a byte order mark kept as what it is; throws Malformed with the place. */
function textOf(data) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new Malformed(`not UTF-8 at byte ${firstBadByte(data)}`);
  }
}

/** Where UTF-8 ends to be UTF-8: the longest beginning that is whole characters (RFC 3629). */
function firstBadByte(data) {
  let at = 0;
  while (at < data.length) {
    const lead = data[at];
    const length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    try {
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data.subarray(at, at + length));
    } catch {
      return at;
    }
    if (!length || at + length > data.length) return at;
    at += length;
  }
  return at;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hex(data) {
  let text = "";
  for (const byte of data) text += HEX[byte];
  return text;
}

const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function equalBytes(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The place of the first line feed, -1 if there is none. */
const lineFeed = (data, from = 0) => data.indexOf(10, from);

/** A line of a file without its line feed, if it has one. */
const lineOf = (data) => (data.length && data[data.length - 1] === 10 ? data.subarray(0, -1) : data);

const SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUE_OF = new Uint8Array(128).fill(255);
[...SYMBOLS].forEach((symbol, value) => (VALUE_OF[symbol.charCodeAt(0)] = value));

/** Base64 whose last bits may be loose; throws Malformed for anything else that is not standard. */
function b64Loose(text) {
  const size = text.length;
  const end = text.endsWith("==") ? size - 2 : text.endsWith("=") ? size - 1 : size;
  if (size % 4) throw new Malformed("not base64: its length");
  const data = new Uint8Array((size / 4) * 3 - (size - end));
  let bits = 0, held = 0, at = 0;
  for (let place = 0; place < end; place++) {
    const code = text.charCodeAt(place);
    const value = code < 128 ? VALUE_OF[code] : 255;
    if (value === 255) throw new Malformed("not base64: another character");
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      data[at++] = (held >> bits) & 255;
    }
  }
  return data;
}

function b64(data) {
  let text = "";
  for (let at = 0; at < data.length; at += 3) {
    const [a, b, c] = [data[at], data[at + 1], data[at + 2]];
    text += SYMBOLS[a >> 2] + SYMBOLS[((a & 3) << 4) | ((b ?? 0) >> 4)];
    text += b === undefined ? "=" : SYMBOLS[((b & 15) << 2) | ((c ?? 0) >> 6)];
    text += c === undefined ? "=" : SYMBOLS[c & 63];
  }
  return text;
}

/** Standard base64 that has one spelling only; throws Malformed. */
function b64Exact(text) {
  if (typeof text !== "string") throw new Malformed("not base64 text");
  const data = b64Loose(text);
  const left = data.length % 3;
  if (left && b64(data.subarray(data.length - left)) !== text.slice(-4)) throw new Malformed("base64 with loose trailing bits");
  return data;
}

/** The order of texts by code points, which is Python's. */
function byCodePoint(one, other) {
  const [a, b] = [[...one], [...other]];
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    if (a[at] !== b[at]) return a[at].codePointAt(0) - b[at].codePointAt(0);
  }
  return a.length - b.length;
}

const isPlain = (text) => /^[\x00-\x7f]*$/.test(text);

/** Texts in Python's order. */
function sorted(texts) {
  const list = [...texts];
  return list.every(isPlain) ? list.sort() : list.sort(byCodePoint);
}
