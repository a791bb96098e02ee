// The collector's public log: leaves, trees, notes, checkpoints, and that what is in the file is in it (shared/leaf.py, tree.py,
// note.py, checkpoint.py, collector/evidence/logged.py; RFC 6962, RFC 9162, C2SP signed-note, tlog-checkpoint, tlog-cosignature).

const HASH_BYTES = 32;
const MOST_HASHES = 63 + 1; // of a proof in a tree that a 64-bit number counts
const ED25519 = 1, COSIGNATURE = 4;
const MAX_NOTE_BYTES = 1000000;
const MAX_SIGNATURES = 100;
const KEY_NAME = /^[^\s\x1c-\x1f\x85+\x00-\x1f\x7f]+$/; // white space as Python has it; U+FEFF is taken out before
const LEAF_FOLDERS = ["batches", "complaints", "enrolments", "refused", "removed", "revocations", "rotations", "transfers"];

/** Rekor v2's hashedrekord 0.0.2 over SHA-256(PAE): JCS, one line. */
function leafOf(identity, signature, spki) {
  return utf8(
    '{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"' +
      `${b64(unhex(identity))}"},"signature":{"content":"${b64(signature)}","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256",` +
      `"publicKey":{"rawBytes":"${b64(spki)}"}}}}}}`,
  );
}

const leafHash = (data) => sha256(joined(Uint8Array.of(0), data));
const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

/** Return only if a leaf of this hash is number `index` of the tree (RFC 9162, 2.1.3.2); throws Malformed. */
function checkInclusion(leaf, index, size, proof, root) {
  if (!(0 <= index && index < size)) throw new Malformed(`leaf ${index} is not in a tree of ${size}`);
  checkHashes([leaf, root, ...proof]);
  let found = leaf;
  for (const [one, isLeft] of climb(index, size - 1, proof)) found = isLeft ? nodeHash(one, found) : nodeHash(found, one);
  if (!equalBytes(found, root)) throw new Malformed("the leaf is not in the tree with this root");
}

/** Return only if the tree of `size` leaves begins with that of `old` (RFC 9162, 2.1.4.2); throws Malformed. */
function checkConsistency(old, size, proof, oldRoot, root) {
  if (!(0 <= old && old <= size)) throw new Malformed(`a tree of ${size} does not begin with one of ${old}`);
  checkHashes([oldRoot, root, ...proof]);
  if (old === 0 || old === size) {
    if (proof.length) throw new Malformed("the proof is too long");
    if (!equalBytes(oldRoot, old ? root : sha256(new Uint8Array()))) throw new Malformed("one size, two roots");
    return;
  }
  let place = old - 1, last = size - 1, odd = old;
  while (odd % 2 === 0) odd /= 2;
  while (place % 2) [place, last] = [half(place), half(last)];
  const [first, ...rest] = odd === 1 ? [oldRoot, ...proof] : proof; // a whole tree is its own first hash
  if (!first) throw new Malformed("the proof is too short");
  let before = first, after = first;
  for (const [one, isLeft] of climb(place, last, rest)) {
    if (isLeft) before = nodeHash(one, before);
    after = isLeft ? nodeHash(one, after) : nodeHash(after, one);
  }
  if (!equalBytes(before, oldRoot)) throw new Malformed("the proof does not begin at the old root");
  if (!equalBytes(after, root)) throw new Malformed("the new tree does not begin with the old one");
}

const half = (number) => Math.floor(number / 2);

/** The hashes of a proof on the way from a node to the root, each with whether it stands at the left; throws Malformed. */
function* climb(place, last, proof) {
  for (const one of proof) {
    if (last === 0) throw new Malformed("the proof is too long");
    const isLeft = place % 2 === 1 || place === last;
    yield [one, isLeft];
    while (isLeft && place && place % 2 === 0) [place, last] = [half(place), half(last)]; // goes up as it is
    [place, last] = [half(place), half(last)];
  }
  if (last) throw new Malformed("the proof is too short");
}

function checkHashes(hashes) {
  if (hashes.length > MOST_HASHES + 2) throw new Malformed("the proof is too long");
  if (hashes.some((one) => one.length !== HASH_BYTES)) throw new Malformed(`a hash has ${HASH_BYTES} bytes`);
}

/** A key that signs notes, from its spelling name+id+base64(type || key); throws Malformed. */
function noteKeyOf(vkey) {
  const parts = trimmed(vkey).split("+");
  if (parts.length < 3) throw new Malformed("a vkey is name+id+key");
  const [name, id] = parts;
  const data = b64Exact(parts.slice(2).join("+"));
  if (!data.length) throw new Malformed("a vkey is name+id+key");
  if (!isKeyName(name)) throw new Malformed("a key's name is text without space and +");
  const [type, key] = [data[0], data.subarray(1)];
  if (![ED25519, COSIGNATURE].includes(type) || key.length !== 32) throw new Malformed(`a key of type ${type} with ${key.length} bytes is none that is known here`);
  const wholeId = sha256(joined(utf8(`${name}\n`), data));
  if (id !== hex(wholeId.subarray(0, 4))) throw new Malformed("the id in this vkey is not that of its key");
  return { name, type, key, wholeId, id: wholeId.subarray(0, 4) };
}

const trimmed = (words) => words.replace(/^[ \t\n\v\f\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/, "")
  .replace(/[ \t\n\v\f\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/, "");
const isKeyName = (name) => KEY_NAME.test(name.replaceAll("\ufeff", "x"));

/** {text, signatures: [{name, blob}]} of a note whose signatures nobody has checked; throws Malformed. */
function readNote(data) {
  if (data.length > MAX_NOTE_BYTES) throw new Malformed(`a note of more than ${MAX_NOTE_BYTES} bytes`);
  let told;
  try {
    told = textOf(data);
  } catch {
    throw new Malformed("a note is UTF-8");
  }
  if (/[\x00-\x09\x0b-\x1f\x7f]/.test(told)) throw new Malformed("a note has no control characters");
  const at = told.lastIndexOf("\n\n");
  const under = told.slice(at + 2);
  if (at < 1 || !under.endsWith("\n")) throw new Malformed("a note is a text, a blank line, and signatures, each line ending in a line feed");
  const lines = under.slice(0, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new Malformed(`a note with more than ${MAX_SIGNATURES} signatures`);
  return { text: told.slice(0, at + 1), signatures: lines.map(readSignatureLine) };
}

function readSignatureLine(line) {
  const [, name, told] = /^\u2014 ([^ ]*) ([^]*)$/.exec(line) ?? [];
  if (name === undefined || !isKeyName(name)) throw new Malformed("a signature line is a dash, a name and base64");
  const blob = b64Exact(told);
  if (blob.length <= 4) throw new Malformed("a signature without its key's id");
  return { name, blob };
}

/** Who of these keys has signed: name → time (unix s, BigInt) or null; throws Malformed if a signature of one does not fit. */
async function checkNote(note, keys) {
  const found = new Map();
  for (const key of keys) {
    const one = note.signatures.find(({ name, blob }) => name === key.name && equalBytes(blob.subarray(0, 4), key.id));
    if (one) found.set(key.name, await checkSignature(key, one, note.text));
  }
  return found;
}

async function checkSignature(key, { blob }, words) {
  let rest = blob.subarray(4), message = words, timeS = null;
  if (key.type === COSIGNATURE) {
    timeS = rest.subarray(0, 8).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    rest = rest.subarray(8);
    message = `cosignature/v1\ntime ${timeS}\n${words}`;
  }
  if (rest.length !== 64) throw new Malformed(`not a signature of ${key.name}`);
  if (!(await fitsEd25519(key.key, rest, utf8(message)))) throw new Malformed(`the signature of ${key.name} does not fit`);
  return timeS;
}

/** {origin, size, root, more} of a note's text; throws Malformed. */
function readCheckpoint(words) {
  const lines = words.replace(/\n$/, "").split("\n");
  if (lines.length < 3 || !lines.every(Boolean)) throw new Malformed("a checkpoint is an origin, a size and a root, each on a line");
  const [origin, size, root, ...more] = lines;
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) throw new Malformed("a checkpoint's size is a decimal number");
  const told = b64Exact(root);
  if (told.length !== HASH_BYTES) throw new Malformed(`a root has ${HASH_BYTES} bytes`);
  return { origin, size: Number(size), root: told, more };
}

/** {origin, size, root, note, cosigned} of a checkpoint that this log must have signed; throws Malformed. */
async function openCheckpoint(data, log, witnesses) {
  const note = readNote(data), { origin, size, root } = readCheckpoint(note.text);
  if (origin !== log.name) throw new Malformed(`a checkpoint of ${origin}, not of ${log.name}`);
  if (!(await checkNote(note, [log])).has(log.name)) throw new Malformed(`${log.name} has not signed this checkpoint`);
  return { origin, size, root, note, cosigned: await cosignedIn(note, witnesses) };
}

/** Who of these has cosigned a note when (unix s, BigInt); throws Malformed. */
const cosignedIn = async (note, witnesses) => new Map([...(await checkNote(note, witnesses))].filter(([, timeS]) => timeS !== null));

/** The log's key as the file has it, which is the one that the reader was told, or follows it; null if neither is there. */
async function logKeyOf(found) {
  const file = found.files.get("log/vkey"), told = found.trust.vkey;
  if (!file) return told ? noteKeyOf(told) : null;
  const shown = noteKeyOf(new TextDecoder("utf-8", { ignoreBOM: true }).decode(file));
  if (told) await leadsTo(found, noteKeyOf(told), shown);
  return shown;
}

/** Step "log": every proof holds, in the order in which batches must have come; gives words, throws Malformed. */
async function logged(found) {
  const { files, trust } = found;
  if (files.has("log/wrong.txt")) throw new Malformed("log/wrong.txt: the collector itself says that its log contradicts its ledger");
  if (!files.has("log/checkpoint")) {
    if (trust.vkey || trust.witnesses.length) throw new Malformed("no checkpoint is in this file, so nothing of it is in the log that you were told of");
    found.logged = { leaves: new Map(), checkpoint: null, bundled: new Map() };
    return "the collector had no log when this was made";
  }
  const key = await logKeyOf(found);
  if (!key) throw new Malformed("log/vkey: the key of the log is not here");
  const checkpoint = await openCheckpoint(files.get("log/checkpoint"), key, trust.witnesses.map(noteKeyOf));
  const over = await pastLogs(found, key);
  const bundled = new Map();
  const indices = await proofsIn(found, over, checkpoint, bundled);
  checkOrder(found, indices);
  checkDevicesOrder(found, indices);
  const number = trust.vkey ? await leadsTo(found, noteKeyOf(trust.vkey), key) : 0;
  const told = number ? `it follows the log that you were told, number ${number} since` : "as you were told";
  const known = trust.vkey ? told : "compare its key with what you were told elsewhere";
  const before = over.reduce((sum, one) => sum + one.checkpoint.size, 0);
  const earlier = [...indices.values()].filter((at) => at < before).length;
  const without = [...files.keys()].filter(isLeaf).length - indices.size;
  const more = (without ? `; ${without} files are not in it` : "") + (over.length ? `; ${earlier} leaves in ${over.length} logs before it` : "");
  const witnessed = witnessedBy(checkpoint, trust);
  found.logged = { leaves: new Map([...indices].map(([name, at]) => [name, at - before])), checkpoint, bundled };
  return `${indices.size - earlier} leaves of ${checkpoint.size} in ${checkpoint.origin} (${known})${witnessed}${more}`;
}

const isLeaf = (name) => LEAF_FOLDERS.includes(name.split("/")[0]) || isRotationFile(name) || isNextFile(name);

/** Where the bundle of a batch stands. */
const bundleOf = (name) => `bundles/${name.replace(/^batches\//, "").replace(/\.ndjson$/, "")}.sigstore.json`;

/**
 * The place of each file that has a proof, as if the leaves of all logs, oldest first, were one row; throws Malformed. Into
 * `bundled` go the places in the newest log of those with a bundle.
 */
async function proofsIn(found, over, checkpoint, bundled) {
  const peers = [...(await peersIn(found)).values()].map((key) => [key.id, key]);
  const keys = new Map([...peers, ...found.devices, ...[...found.lines.values()].flatMap((line) => [...line.byId])]), indices = new Map();
  let before = 0;
  for (const [tree, file] of [...over.map((one) => [one.checkpoint, pastProofs(one.old.name)]), [checkpoint, "log/proofs.ndjson"]]) {
    const data = found.files.get(file) ?? new Uint8Array();
    for (let at = 0, end; (end = lineFeed(data, at)) >= 0; at = end + 1) {
      const told = decode(data.subarray(at, end));
      const hashes = member(told, "hashes");
      if (!Array.isArray(hashes)) throw new Malformed("log/proofs.ndjson: a line without hashes");
      const of = text(told, "of"), index = integer(told, "index"), proof = hashes.map(b64Exact);
      if (indices.has(of) || !isLeaf(of) || !found.files.has(of)) throw new Malformed(`${of}: a proof for a file that is not here, is no leaf, or has another`);
      if (isNextFile(of) && index) throw new Malformed(`${of}: not the first leaf of the log that it names`);
      checkPlace(of, found.files.get(of), index, proof, keys, tree);
      indices.set(of, before + index);
      if (tree === checkpoint && found.files.has(bundleOf(of))) bundled.set(of, { index, proof });
      await found.step(indices.size);
    }
    before += tree.size;
  }
  if (new Set(indices.values()).size !== indices.size) throw new Malformed("two files have one place in the log");
  for (const one of over) if (!indices.has(nextFile(one.old.name))) throw new Malformed(`${nextFile(one.old.name)}: not in the log that it names`);
  return indices;
}

function checkPlace(name, data, index, proof, keys, checkpoint) {
  let leaf;
  try {
    const end = lineFeed(data);
    const envelope = readEnvelope(end < 0 ? data : data.subarray(0, end));
    const key = keys.get(envelope.keyId);
    if (!key) throw new Malformed("signed by a key that is not here");
    leaf = leafHash(leafOf(envelope.identity, envelope.signature, key.spki));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(`${name}: ${error.message}`);
  }
  try {
    checkInclusion(leaf, index, checkpoint.size, proof, checkpoint.root);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(`${name}: not in the log where its proof says: ${error.message}`);
  }
}

function witnessedBy(checkpoint, trust) {
  if (!trust.witnesses.length) return "; no witness was asked for";
  const times = [...checkpoint.cosigned.values()].sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  const quorum = Math.max(trust.quorum, 1);
  if (times.length < quorum) {
    throw new Malformed(`log/checkpoint: ${times.length} of the witnesses you trust have cosigned it, ${trust.quorum} are needed`);
  }
  const when = new Date(Number(times[quorum - 1]) * 1000);
  const words = Number.isNaN(when.getTime()) ? `${times[quorum - 1]} s` : when.toISOString().slice(0, 19).replace("T", " ");
  return `; ${sorted(checkpoint.cosigned.keys()).join(", ")} had seen it by ${words} UTC`;
}
