// The keys that collector, portal and peer have had, each followed by the next (shared/rotation.py, shared/lineage.py,
// collector/evidence/history.py). What an older key signed holds, as long as the log says that it was in use then.

const KEY_CLASSES = ["file", "keystore", "tpm"];
const HISTORY = "keys/history/";

/** The keys of one server, oldest first, with the rotations between them; the last key is the one in use. */
class Lineage {
  constructor(keys, rotations = []) {
    Object.assign(this, { keys, rotations, byId: new Map(keys.map((key) => [key.id, key])) });
  }

  get newest() {
    return this.keys.at(-1);
  }

  /** The key with this id; throws Malformed if it is none of these. */
  of(keyId) {
    const older = this.rotations.length ? ` or one of the ${this.keys.length - 1} before it` : "";
    if (!this.byId.has(keyId)) throw new Malformed(`signed with another key (${keyId.slice(0, 16)}…), not with ${this.newest.id.slice(0, 16)}…${older}`);
    return this.byId.get(keyId);
  }

  /** How many rotations lie between this key and the one in use; throws Malformed. */
  since(keyId) {
    return this.keys.length - 1 - this.keys.indexOf(this.of(keyId));
  }

  /** The files of its rotations, oldest first. */
  filesOf(whose) {
    return this.keys.slice(0, -1).map((key) => rotationFile(whose, key));
  }
}

const rotationFile = (whose, key) => `${HISTORY}${whose}/${key.id}.json`;
const isRotationFile = (name) => name.startsWith(HISTORY) && name.endsWith(".json");

/** {key, keyClass} of the key that follows, by a rotate/v1 line that both keys signed; throws Malformed. */
async function readRotation(line, whose, old) {
  const told = readStatement(await verifiedBy(readEnvelope(line), old), "rotate/v1");
  if (told.name !== whose) throw new Malformed(`a rotation of a key of another kind: not ${whose}`);
  if (sha256In(told.predicate, "dev") !== old.id) throw new Malformed("dev is not the id of the key that signed");
  const key = await keyFromSpki(b64Exact(member(told.predicate, "new_spki")));
  if (key.id !== told.digest || told.digest !== sha256In(told.predicate, "new")) throw new Malformed("the rotation names another key than the one it holds");
  if (key.id === old.id) throw new Malformed("a key does not take its own place");
  await verifyDer(key, b64Exact(member(told.predicate, "new_sig")), utf8(`rotate/v1\n${old.id}\n${key.id}`));
  const keyClass = Object.hasOwn(told.predicate, "key") ? text(told.predicate, "key") : KEY_CLASSES[0];
  if (!KEY_CLASSES.includes(keyClass)) throw new Malformed(`a key is kept in one of ${KEY_CLASSES.join(", ")}`);
  return { key, keyClass };
}

/** The keys from this one on, by the rotations among these lines; throws Malformed, also where one key has two successors. */
async function followRotations(first, lines, whose) {
  const bySigner = new Map();
  for (const line of lines) {
    const { keyId } = readEnvelope(line);
    bySigner.set(keyId, [...(bySigner.get(keyId) ?? []), line]);
  }
  const keys = [first], used = [];
  for (let told; (told = bySigner.get(keys.at(-1).id)); ) {
    const last = keys.at(-1);
    bySigner.delete(last.id);
    const found = [];
    for (const line of told) found.push((await readRotation(line, whose, last)).key);
    const ids = sorted(new Set(found.map((key) => key.id)));
    if (ids.length > 1) {
      throw new Malformed(`two successors of the ${whose}'s key ${last.id.slice(0, 16)}…: ${ids.map((id) => `${id.slice(0, 16)}…`).join(" and ")}`);
    }
    if (keys.some((key) => key.id === ids[0])) throw new Malformed(`the rotations of the ${whose}'s key ${last.id.slice(0, 16)}… lead back to it`);
    keys.push(found[0]);
    used.push(told[0]);
  }
  return new Lineage(keys, used);
}

/** The keys up to the one in use, of all these older ones; throws Malformed unless they lead there. */
async function lineageOf(newest, past, whose) {
  const lines = past.map(([, line]) => line);
  for (const first of [newest, ...past.map(([key]) => key)]) {
    const found = await followRotations(first, lines, whose);
    if (found.newest.id === newest.id && found.rotations.length === past.length) return found;
  }
  throw new Malformed(`the rotations of the ${whose}'s keys do not lead to the one in use, ${newest.id.slice(0, 16)}…`);
}

/** The older keys of one server that are in the file, with their rotations; throws Malformed. */
async function pastIn(found, whose) {
  const past = [];
  for (const name of found.named(HISTORY + whose).filter(isRotationFile)) {
    const beside = `${name.slice(0, -4)}pem`;
    if (!found.files.has(beside)) throw new Malformed(`${beside}: not there`);
    const key = await keyFromPem(found.files.get(beside));
    if (name !== rotationFile(whose, key)) throw new Malformed(`${beside}: not the key its name says`);
    past.push([key, lineOf(found.files.get(name))]);
  }
  return past;
}

const lineIn = async (found, whose, newest) => lineageOf(newest, await pastIn(found, whose), whose);

/** The keys of the collector's own peer, if it has had several: they lead to one that is trusted; else null. Throws Malformed. */
async function peersLine(found, peers) {
  const past = await pastIn(found, "peer");
  if (!past.length) return null;
  let failed = "";
  for (const key of peers) {
    try {
      return await lineageOf(key, past, "peer");
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      failed = error.message;
    }
  }
  throw new Malformed(`${HISTORY}peer: ${failed}`);
}

/** That rotations are in the log, and each key signed while it was in use; throws Malformed naming the file. */
function checkOrder(found, indices) {
  for (const [whose, line] of found.lines) {
    const names = line.filesOf(whose);
    for (const name of names) if (!indices.has(name)) throw new Malformed(`${name}: not in the log, where a rotation must be to count`);
    const turns = names.map((name) => indices.get(name));
    if (turns.some((turn, at) => at && turn < turns[at - 1])) throw new Malformed(`${names[0]}: the ${whose}'s keys followed each other in another order in the log`);
    if (turns.length) for (const [name, what] of signedByServers(found)) checkTurn(found, name, indices.get(what), line, turns);
  }
}

/** What collector and portal have signed, and which file says where in the log that was: a receipt is of its batch. */
function signedByServers(found) {
  const whats = [...found.files.keys()].filter((name) => /^(enrolments|revocations)\//.test(name)).map((name) => [name, name]);
  for (const batch of [...found.chains().values()].flat()) {
    const name = `receipts/${batch.said.dev}/${String(batch.said.batch).padStart(8, "0")}.json`;
    if (found.files.has(name)) whats.push([name, nameOf(batch)]);
  }
  return whats;
}

function checkTurn(found, name, index, line, turns) {
  const data = found.files.get(name), end = lineFeed(data);
  const { keyId } = readEnvelope(end < 0 ? data : data.subarray(0, end));
  if (index === undefined || !line.byId.has(keyId)) return;
  const number = turns.length - line.since(keyId);
  if (number && index < turns[number - 1]) throw new Malformed(`${name}: signed with a key that was not in use yet`);
  if (number < turns.length && index > turns[number]) throw new Malformed(`${name}: signed with a key that another had followed before`);
}
