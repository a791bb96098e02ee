// Keys and signatures by WebCrypto: ECDSA P-256 over SHA-256 (shared/keys.py), Ed25519 for notes (RFC 8032).

// SubjectPublicKeyInfo of an uncompressed point on P-256, up to the point (RFC 5480; SEC 1, 2.3.3).
const SPKI_START = unhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
const SPKI_BYTES = SPKI_START.length + 64;
const ALGORITHM = "ecdsa-p256-sha256";

/** What signatures are checked with; throws CannotCheck where the browser does not give it to this page. */
function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new CannotCheck("this browser gives no cryptography to this page; open it from a file or by https");
  return found;
}

/** A P-256 public key: {spki, id, key}; throws Malformed for another curve, kind or encoding. */
async function keyFromSpki(spki) {
  if (spki.length !== SPKI_BYTES || !equalBytes(spki.subarray(0, SPKI_START.length), SPKI_START)) {
    throw new Malformed("not a P-256 public key (SPKI, its point uncompressed)");
  }
  let key;
  try {
    key = await subtle().importKey("spki", spki, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
  } catch (error) {
    if (error instanceof CannotCheck) throw error;
    throw new Malformed("not a P-256 public key: off the curve");
  }
  return { spki, id: sha256Hex(spki), key };
}

/** The key in a PEM file (RFC 7468); throws Malformed. */
async function keyFromPem(data) {
  const text = Array.from(data, (byte) => String.fromCharCode(byte)).join("");
  const found = /-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/= \t\n\r\f\v]+)-----END PUBLIC KEY-----/.exec(text);
  try {
    return await keyFromSpki(b64Loose((found?.[1] ?? "?").replace(/[ \t\n\r\f\v]/g, "")));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed("not a P-256 public key in PEM");
  }
}

/**
 * r and s, 32 bytes each, of a signature in strict DER (X.690, 8.3 and 10.1); null for anything else: BER lengths, needless
 * zeros, negative or overlong numbers, bytes behind the end. A high s is as good as a low one.
 */
function rawSignature(der) {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1];
    const number = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 0x02 || !(length >= 1 && length <= 33) || number.length !== length || number[0] & 0x80) return null;
    if (length > 1 && number[0] === 0 && !(number[1] & 0x80)) return null;
    const digits = number[0] === 0 ? number.subarray(1) : number;
    if (digits.length > 32) return null;
    raw.set(digits, end - digits.length);
    at += 2 + length;
  }
  return at === der.length ? raw : null;
}

/** Return only if a DER signature by this key fits the message; throws WrongSignature. */
async function verifyDer(key, signature, message) {
  const raw = rawSignature(signature);
  const isRight = raw !== null && (await subtle().verify({ name: "ECDSA", hash: "SHA-256" }, key.key, raw, message));
  if (!isRight) throw new WrongSignature("the signature does not fit");
}

/** Whether an Ed25519 signature fits; throws CannotCheck where the browser does not know Ed25519. */
async function fitsEd25519(publicKey, signature, message) {
  let key;
  try {
    key = await subtle().importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    if (error instanceof CannotCheck) throw error;
    if (await knowsEd25519()) return false; // it is this key that is none
    throw new CannotCheck("this browser does not know Ed25519, with which logs and witnesses sign");
  }
  return subtle().verify({ name: "Ed25519" }, key, signature, message);
}

async function knowsEd25519() {
  const known = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"); // RFC 8032, 7.1
  return subtle().importKey("raw", known, { name: "Ed25519" }, false, ["verify"]).then(() => true, () => false);
}
