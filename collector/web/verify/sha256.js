// SHA-256 (FIPS 180-4) at once and without a promise: trees and lists need a great many small ones.

const ROUNDS = new Uint32Array(64);
const START_STATE = new Uint32Array(8);
(() => {
  // The first 32 bits of the fractions of the cube roots (square roots) of the first primes.
  const fraction = (value) => ((value - Math.floor(value)) * 0x100000000) >>> 0;
  for (let number = 2, found = 0; found < 64; number++) {
    let isPrime = true;
    for (let by = 2; by * by <= number; by++) if (number % by === 0) isPrime = false;
    if (!isPrime) continue;
    if (found < 8) START_STATE[found] = fraction(Math.sqrt(number));
    ROUNDS[found++] = fraction(Math.cbrt(number));
  }
})();

const SCHEDULE = new Uint32Array(64);

function digestBlock(state, block, at) {
  const w = SCHEDULE;
  for (let t = 0; t < 16; t++, at += 4) w[t] = (block[at] << 24) | (block[at + 1] << 16) | (block[at + 2] << 8) | block[at + 3];
  for (let t = 16; t < 64; t++) {
    const p = w[t - 15], q = w[t - 2];
    const s0 = ((p >>> 7) | (p << 25)) ^ ((p >>> 18) | (p << 14)) ^ (p >>> 3);
    const s1 = ((q >>> 17) | (q << 15)) ^ ((q >>> 19) | (q << 13)) ^ (q >>> 10);
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[t] + w[t]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

/** The 32 bytes of SHA-256 over some bytes. */
function sha256(data) {
  const state = START_STATE.slice();
  const whole = data.length - (data.length % 64);
  for (let at = 0; at < whole; at += 64) digestBlock(state, data, at);
  const left = data.length - whole;
  const tail = new Uint8Array(left < 56 ? 64 : 128);
  tail.set(data.subarray(whole));
  tail[left] = 0x80;
  const bits = new DataView(tail.buffer);
  bits.setUint32(tail.length - 8, Math.floor(data.length / 0x20000000));
  bits.setUint32(tail.length - 4, (data.length << 3) >>> 0);
  for (let at = 0; at < tail.length; at += 64) digestBlock(state, tail, at);
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  state.forEach((word, at) => view.setUint32(4 * at, word));
  return out;
}

const sha256Hex = (data) => hex(sha256(data));
