// Envelopes (DSSE 1, exactly one signature) and the in-toto Statements in them (shared/dsse.py, shared/statement.py).

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const MAX_ENVELOPE_BYTES = 16 * 1024;
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const KIND_ROOT = "https://speedproof.example/";
const HEX64 = /^[0-9a-f]{64}$/;

const pae = (payload) => joined(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);

const hasExactly = (fields, ...names) => Object.keys(fields).length === names.length && names.every((name) => Object.hasOwn(fields, name));

/** An envelope that nobody has checked yet: {payload, keyId, signature, identity}; throws Malformed. */
function readEnvelope(line) {
  if (line.length > MAX_ENVELOPE_BYTES) throw new Malformed(`an envelope of more than ${MAX_ENVELOPE_BYTES} bytes`);
  const fields = decode(line);
  if (!hasExactly(fields, "payload", "payloadType", "signatures")) throw new Malformed("an envelope has exactly payload, payloadType and signatures");
  if (fields.payloadType !== PAYLOAD_TYPE) throw new Malformed(`payloadType is not ${PAYLOAD_TYPE}`);
  if (!Array.isArray(fields.signatures) || fields.signatures.length !== 1) throw new Malformed("exactly one signature is allowed");
  const [one] = fields.signatures;
  if (!isObject(one) || !hasExactly(one, "keyid", "sig")) throw new Malformed("a signature has exactly keyid and sig");
  if (typeof one.keyid !== "string" || !HEX64.test(one.keyid)) throw new Malformed("keyid is not 64 lower-case hex digits");
  return envelopeOf(b64Exact(fields.payload), one.keyid, b64Exact(one.sig));
}

/** `identity` is the SHA-256 of the PAE, hex: what was signed is known by it, never by its signature. */
function envelopeOf(payload, keyId, signature) {
  return { payload, keyId, signature, identity: sha256Hex(pae(payload)) };
}

/** The payload, if this key signed it; throws WrongSignature. */
async function verifiedBy(envelope, key) {
  await verifyDer(key, envelope.signature, pae(envelope.payload));
  return envelope.payload;
}

const readStatement = (payload, kind) => statementOf(decode(payload), kind);

/** {name, digest, predicate} of a statement of one kind; throws Malformed. */
function statementOf(fields, kind) {
  if (member(fields, "_type") !== STATEMENT_TYPE) throw new Malformed(`_type is not ${STATEMENT_TYPE}`);
  if (member(fields, "predicateType") !== KIND_ROOT + kind) throw new Malformed(`predicateType is not ${KIND_ROOT}${kind}`);
  const subjects = member(fields, "subject"), predicate = member(fields, "predicate");
  const subject = Array.isArray(subjects) && subjects.length === 1 && isObject(subjects[0]) ? subjects[0] : {};
  const digests = member(subject, "digest"), name = member(subject, "name");
  const digest = isObject(digests) ? member(digests, "sha256") : undefined;
  if (typeof digest !== "string" || !HEX64.test(digest) || typeof name !== "string" || !isObject(predicate)) {
    throw new Malformed("not one subject with its SHA-256, and a predicate");
  }
  return { name, digest, predicate };
}

/** A member that must be an integer of at least `least`; throws Malformed. */
function integer(fields, name, least = 0) {
  const value = member(fields, name);
  if (!isInteger(value) || value < least) throw new Malformed(`${name} is not an integer of at least ${least}`);
  return value;
}

function text(fields, name) {
  const value = member(fields, name);
  if (typeof value !== "string") throw new Malformed(`${name} is not text`);
  return value;
}

function sha256In(fields, name) {
  const value = text(fields, name);
  if (!HEX64.test(value)) throw new Malformed(`${name} is not 64 lower-case hex digits`);
  return value;
}
