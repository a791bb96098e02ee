// What portal, collector and devices sign beside batches: enrolments, receipts, complaints, removals (shared/enrolment.py,
// shared/receipt.py, shared/complaint.py, collector/evidence/removed.py).

const MAX_COMPLAINT_BYTES = 4000;

/** {key, sub, keyClass, tUs} of an enrolment that the portal and the device's key signed; throws Malformed. */
async function readEnrolment(envelope, portal) {
  const told = readStatement(await verifiedBy(envelope, portal), "enrol/v1");
  const request = member(told.predicate, "request");
  const [p, s] = isObject(request) ? [member(request, "p"), member(request, "s")] : [];
  if (typeof p !== "string" || typeof s !== "string") throw new Malformed("an enrolment without its request");
  const inner = envelopeOf(b64Exact(p), told.digest, b64Exact(s));
  const asked = readStatement(inner.payload, "enrol-request/v1");
  const key = await keyFromSpki(b64Exact(member(asked.predicate, "spki")));
  await verifiedBy(inner, key);
  if (asked.digest !== key.id) throw new Malformed("the subject of the request is not its key");
  if (key.id !== told.digest || told.digest !== sha256In(told.predicate, "dev")) throw new Malformed("the enrolment names another key than the request");
  if (member(told.predicate, "alg") !== ALGORITHM) throw new Malformed(`alg is not ${ALGORITHM}`);
  const sub = sha256In(told.predicate, "sub");
  const tUs = integer(told.predicate, "t_us");
  return { key, sub, keyClass: text(told.predicate, "key"), tUs };
}

/** What a collector promised to keep: {dev, batch, receivedUs}; throws Malformed unless it signed it for this batch. */
async function readReceipt(envelope, collector, identity) {
  if (envelope.keyId !== collector.id) throw new Malformed("the receipt is signed with another key");
  const told = readStatement(await verifiedBy(envelope, collector), "receipt/v1");
  if (told.name !== "batch" || told.digest !== identity) throw new Malformed("the receipt is for another batch");
  if (member(told.predicate, "collector") !== collector.id) throw new Malformed("the receipt names another collector than the one that signed");
  return { dev: sha256In(told.predicate, "dev"), batch: integer(told.predicate, "batch"), receivedUs: integer(told.predicate, "received_us") };
}

/** A complaint by this key; throws Malformed. */
async function readComplaint(envelope, key) {
  const told = readStatement(await verifiedBy(envelope, key), "complaint/v1");
  const words = text(told.predicate, "text");
  if (sha256In(told.predicate, "dev") !== key.id) throw new Malformed("dev is not the id of the key that signed");
  const data = utf8(words);
  if (!/[^\s\x1c-\x1f\x85]/.test(words.replaceAll("\ufeff", "x")) || data.length > MAX_COMPLAINT_BYTES) {
    throw new Malformed(`a complaint has 1 to ${MAX_COMPLAINT_BYTES} bytes of words`); // white space is Python's: not U+FEFF
  }
  if (sha256Hex(data) !== told.digest) throw new Malformed("the subject is not the text");
  integer(told.predicate, "wall_us");
}

/** Which member of an evidence file a batch is. */
function nameOf(batch) {
  const number = `${batch.said.dev}/${String(batch.said.batch).padStart(8, "0")}`;
  return batch.records ? `batches/${number}.ndjson` : `removed/${number}.json`;
}

/** The batches without their records, by device, and in words by which rules they were removed; throws Malformed. */
async function removedIn(found) {
  const batches = new Map();
  let number = 0;
  for (const name of found.named("removed")) {
    await naming(name, async () => {
      const batch = await readSealed(lineOf(found.files.get(name)), found.devices);
      if (name !== nameOf(batch)) throw new Malformed("not the batch its name says");
      const first = found.firstKey.get(batch.said.dev);
      if (!batches.has(first)) batches.set(first, []);
      batches.get(first).push(batch);
      number++;
    });
  }
  const words = await removalsIn(found);
  if (number && !words.length) throw new Malformed(`${number} batches are without their measurements, and the collector does not say that it removed them`);
  return [batches, number ? [`the measurements of ${number} batches were removed (${words.join(", ")})`] : []];
}

async function readSealed(line, devices) {
  const envelope = readEnvelope(line);
  const key = devices.get(envelope.keyId);
  if (!key) throw new Malformed("signed by a key that is not enrolled here");
  const said = readBatchStatement(readStatement(await verifiedBy(envelope, key), "batch/v1").predicate);
  if (said.dev !== key.id) throw new Malformed("dev is not the id of the key that signed");
  return { envelope, said, records: null, identity: envelope.identity };
}

async function removalsIn(found) {
  const words = new Set();
  for (const name of found.named("tombstones")) {
    await naming(name, async () => {
      const envelope = readEnvelope(lineOf(found.files.get(name)));
      const told = readStatement(await verifiedBy(envelope, found.line("collector").of(envelope.keyId)), "tombstone/v1").predicate;
      const day = new Date(Math.floor(integer(told, "at_us") / 1000000) * 1000).toISOString().slice(0, 10);
      words.add(`on ${day} by the rule of ${integer(told, "days", 1)} days`);
    });
  }
  return sorted(words);
}

/** What `read` gives, its Malformed with a file's name before it. */
async function naming(name, read) {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed(`${name}: ${error.message}`);
  }
}
