// Checking an evidence file step by step, in the order, by the names and with the answers of collector/evidence/check.py.
// STEPS, the names of all its steps, is put before this by the script that makes the page: what is in STEPS and has no check
// here is named as not checked. A step holds, fails, or is unchecked; nothing counts as holding that was not looked at.

const EVIDENCE_FORMAT = "speedproof-evidence/1";
const AT_ONCE = 64; // signatures that are with the browser at one time
const BREATH = 256; // small things done before the page may paint

/** What the steps so far have established (collector/evidence/found.py). */
class Found {
  constructor(files, trust, kept, report) {
    Object.assign(this, { files, trust, kept, report, manifest: {}, verdict: null, collector: null });
    Object.assign(this, { lines: new Map(), firstKey: new Map(), keys: new Map(), keyClasses: [], revoked: new Map() });
    Object.assign(this, { contestedUs: new Map(), receivedUs: new Map(), sessions: new Map(), limited: new Set(), enrolledUs: new Map(), logged: null });
    Object.assign(this, { devices: new Map(), batches: new Map(), removed: new Map(), names: sorted(files.keys()) });
  }

  /** The members of a folder, in order. */
  named(folder) {
    return this.names.filter((name) => name.startsWith(`${folder}/`));
  }

  /** The keys of one server, once a step has established them; throws Malformed. */
  line(whose) {
    if (!this.lines.has(whose)) throw new Malformed(`no ${whose}'s key`);
    return this.lines.get(whose);
  }

  /** A member that must be there; throws Malformed. */
  member(name) {
    if (!this.files.has(name)) throw new Malformed(`${name}: not there`);
    return this.files.get(name);
  }

  /** All batches by device, in the order of their numbers, those without their records too. */
  chains() {
    const both = (dev) => [...(this.batches.get(dev) ?? []), ...(this.removed.get(dev) ?? [])];
    const devices = sorted(new Set([...this.batches.keys(), ...this.removed.keys()]));
    return new Map(devices.map((dev) => [dev, both(dev).sort((one, other) => one.said.batch - other.said.batch)]));
  }

  /** Tell how far a step is, and now and then let the page paint. */
  async step(done, total = 0) {
    if (done % BREATH === 0) await this.report(done, total);
  }
}

const CHECKS = {
  async files(found) {
    const listed = member(found.manifest, "files");
    if (!isObject(listed)) throw new Malformed("the manifest lists no files");
    const names = found.names.filter((name) => name !== "manifest.json" && name !== "manifest.dsse.json");
    const isThere = new Set(names);
    const odd = sorted([...names.filter((name) => !Object.hasOwn(listed, name)), ...Object.keys(listed).filter((name) => !isThere.has(name))]);
    for (const name of odd) throw new Malformed(`${name}: ${isThere.has(name) ? "not in the manifest" : "listed, but not there"}`);
    let done = 0;
    for (const name of names) {
      if (sha256Hex(found.files.get(name)) !== listed[name]) throw new Malformed(`${name}: not the file the manifest lists`);
      await found.step(++done, names.length);
    }
    return `${names.length} files`;
  },

  async collector(found) {
    const key = await keyFromPem(found.member("keys/collector.pem"));
    const { collector } = found.trust;
    const line = await lineIn(found, "collector", key);
    found.lines.set("collector", line);
    if (collector && !line.byId.has(collector)) throw new Malformed(`signed by key ${key.id}, not by the key you were told`);
    const signed = readEnvelope(lineOf(found.member("manifest.dsse.json")));
    const told = readStatement(await verifiedBy(signed, key), "verdict/v1");
    if (told.digest !== sha256Hex(found.files.get("manifest.json"))) throw new Malformed("the signature is for another manifest");
    Object.assign(found, { collector: key, verdict: told });
    const number = collector ? line.since(collector) : 0;
    const known = number ? `it follows the key that you were told, rotation ${number} since` : "as you were told";
    return `key ${key.id} (${collector ? known : "compare it with what you were told elsewhere"})`;
  },

  async enrolments(found) {
    const line = await lineIn(found, "portal", await keyFromPem(found.member("keys/portal.pem")));
    found.lines.set("portal", line);
    const subscriber = text(found.manifest, "subscriber"), salts = member(found.manifest, "salts");
    if (!isObject(salts)) throw new Malformed("the manifest holds no salts");
    for (const name of found.named("enrolments")) {
      const envelope = readEnvelope(lineOf(found.files.get(name)));
      const { key, sub, keyClass, tUs } = await readEnrolment(envelope, line.of(envelope.keyId));
      const salt = b64Exact(member(salts, key.id));
      if (sha256Hex(joined(salt, utf8(subscriber))) !== sub) throw new Malformed(`${name}: the device was enrolled for somebody else`);
      found.devices.set(key.id, key);
      found.enrolledUs.set(key.id, tUs);
      found.keyClasses.push(keyClass);
    }
    return followKeys(found);
  },

  async batches(found) {
    const keyOf = (keyId) => {
      if (!found.devices.has(keyId)) throw new Refused(3, "unknown_key", "signed by a key that is not enrolled here");
      return found.devices.get(keyId);
    };
    let count = 0, records = 0;
    const names = found.named("batches");
    await inOrder(found, names, (name) => openBatch(found.files.get(name), keyOf), (name, opened, error) => {
      if (error instanceof Refused) throw new Malformed(`${name}: ${error.message}`);
      if (error) throw error;
      if (name !== nameOf(opened)) throw new Malformed(`${name}: not the batch its name says`);
      const first = found.firstKey.get(opened.said.dev);
      if (!found.batches.has(first)) found.batches.set(first, []);
      found.batches.get(first).push(opened);
      count++;
      records += opened.records.length;
    });
    for (const some of found.batches.values()) some.sort((one, other) => one.said.batch - other.said.batch);
    return `${count} batches, ${records} records`;
  },

  async chain(found) {
    const [removed, rules] = await removedIn(found);
    found.removed = removed;
    const chains = found.chains();
    let lost = 0n;
    for (const batches of chains.values()) {
      let head = CHAIN_START;
      for (const batch of batches) {
        head = follow(head, batch.said, batch.identity);
        lost += BigInt(batch.said.lost);
      }
    }
    checkTurns(found);
    return [`${chains.size} chains without a gap, ${lost} records declared lost`, ...rules].join("; ");
  },

  async receipts(found) {
    const names = new Set(found.named("receipts"));
    const batches = [...found.chains().values()].flat();
    const receiptOf = ({ said }) => `receipts/${said.dev}/${String(said.batch).padStart(8, "0")}.json`;
    const read = async (batch) => {
      if (!names.has(receiptOf(batch))) return;
      const envelope = readEnvelope(lineOf(found.files.get(receiptOf(batch))));
      return readReceipt(envelope, found.line("collector").of(envelope.keyId), batch.identity);
    };
    await inOrder(found, batches, read, (batch, receipt, error) => {
      if (!names.delete(receiptOf(batch))) throw new Malformed(`${receiptOf(batch)}: this batch has no receipt`);
      if (error) throw error;
      found.receivedUs.set(batch.identity, receipt.receivedUs);
    });
    for (const name of names) throw new Malformed(`${name}: a receipt for a batch that is not here`);
    return ["one for each batch", contestedInWords(found)].filter(Boolean).join("; ");
  },

  async complaints(found) {
    const names = found.named("complaints");
    for (const name of names) {
      const envelope = readEnvelope(lineOf(found.files.get(name)));
      const key = found.devices.get(envelope.keyId);
      if (!key) throw new Malformed(`${name}: signed by a key that is not enrolled here`);
      await readComplaint(envelope, key);
    }
    return `${names.length} complaints`;
  },

  counts: async (found) => countsIn(found),
  criteria: async (found) => rulesIn(found),
  "counter-signatures": counterSignatures,
  log: async (found) => (await logged(found)) + (await enclosedIn(found)),
  kept: compareKept,
  omission: omissionIn,
  peers: peersBesideIn,
  transfers: transfersIn,
  time: timesIn,
  starts: startsIn,
};

/** `read` each of these, some at a time, and hand what came of them to `take` one after the other, as if it had been one at a time. */
async function inOrder(found, items, read, take) {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const some = items.slice(at, at + AT_ONCE);
    const results = await Promise.allSettled(some.map(async (item) => read(item)));
    results.forEach((result, place) => take(some[place], result.value, result.reason));
    await found.report(at + some.length, items.length);
  }
}

/**
 * All steps, as {no, name, state, detail}: `holds`, `fails`, `unchecked` (this browser or this page cannot), `not reached`
 * (behind one that fails). `trust` is what the reader got from elsewhere: {collector, vkey, witnesses, quorum}. Throws NotEvidence
 * if there is no manifest to begin with. `watch(steps, found)` is told of each step, `report` of progress in one.
 */
async function checkEvidence(files, trust, kept, watch = async () => {}, report = async () => {}) {
  let running = EVIDENCE_FORMAT;
  const found = new Found(files, trust, kept, async (done, total) => report(running, done, total));
  found.manifest = manifestIn(files);
  const steps = [{ no: 1, name: "format", state: "holds", detail: EVIDENCE_FORMAT }];
  let blocked = null;
  for (const name of STEPS.slice(1)) {
    running = name;
    await watch(steps, found);
    const said = await oneStep(found, name, blocked);
    steps.push({ no: steps.length + 1, name, ...said });
    if (said.state === "fails") blocked = { state: "not reached", detail: `step ${steps.length} fails` };
    if (said.state === "unchecked" && FOUNDATIONS.has(name)) blocked ??= { state: "unchecked", detail: `it rests on step ${steps.length}, which could not be checked` };
  }
  await watch(steps, found);
  return steps;
}

const FOUNDATIONS = new Set(["files", "collector", "enrolments", "batches", "chain", "receipts"]);
const ELSEWHERE = "not checked by this page; use speedproof-verify";

async function oneStep(found, name, blocked) {
  if (blocked?.state === "not reached") return blocked;
  if (!Object.hasOwn(CHECKS, name)) return { state: "unchecked", detail: ELSEWHERE };
  if (blocked) return blocked;
  try {
    return { state: "holds", detail: await CHECKS[name](found) };
  } catch (error) {
    if (error instanceof CannotCheck) return { state: "unchecked", detail: error.message };
    if (error instanceof Malformed || error instanceof Refused) return { state: "fails", detail: error.message };
    throw error;
  }
}

function manifestIn(files) {
  let manifest;
  try {
    if (!files.has("manifest.json")) throw new Malformed("it is not there");
    manifest = decode(lineOf(files.get("manifest.json")));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new NotEvidence(`no readable manifest.json: ${error.message}`);
  }
  const format = member(manifest, "format");
  if (format !== EVIDENCE_FORMAT) throw new NotEvidence(`the format is ${typeof format === "string" ? asciiOf(format) : "none"}, this checker knows ${EVIDENCE_FORMAT}`);
  return manifest;
}

/** The whole answer in one sentence, which never says more than was done. */
function answerOf(steps) {
  const failed = steps.find((step) => step.state === "fails");
  const held = steps.filter((step) => step.state === "holds").length;
  if (failed) return `The evidence does not hold: step ${failed.no}, ${failed.name}. ${held} of ${steps.length} steps were checked before it and hold.`;
  const open = steps.filter((step) => step.state === "unchecked").map((step) => `${step.no} ${step.name}`);
  return `${held} of ${steps.length} steps were checked and hold${open.length ? `; not checked: ${open.join(", ")}` : ""}.`;
}

/** What the reader typed, read: {collector, vkey, witnesses, quorum}; throws Malformed in words for him. */
function trustOf({ collector = "", vkey = "", witnesses = "", quorum = "" }) {
  const told = trimmed(collector), names = trimmed(witnesses).split(/\s+/).filter(Boolean);
  if (told && !HEX64.test(told)) throw new Malformed("the collector's key is 64 digits and letters a to f, in lower case");
  const keyOf = (spelt, whose) => {
    try {
      return noteKeyOf(spelt) && trimmed(spelt);
    } catch (error) {
      throw new Malformed(`${whose} is name+id+key: ${error.message}`);
    }
  };
  const log = trimmed(vkey) ? keyOf(vkey, "the log's key") : null;
  const keys = [...new Set(names.map((one) => keyOf(one, "a witness's key")))];
  const most = trimmed(String(quorum));
  const number = most ? Number(most) : keys.length;
  const fits = keys.length ? Number.isInteger(number) && number >= 1 && number <= keys.length : !most;
  if (!fits) throw new Malformed(`how many witnesses must have signed is from 1 to ${keys.length}, the number you named`);
  return { collector: told || null, vkey: log, witnesses: keys, quorum: Math.max(number, 1) };
}
