// What a customer kept beside what the collector shows: every batch that was acknowledged to him has to be in the evidence
// (collector/evidence/kept.py, shared/bundle.py). It is the zip that `speedproof-probe export` makes.

const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const MAX_BUNDLE_BYTES = 1 << 20;

/** Step "kept": what was found, in words; throws Malformed naming the first file whose batch is not shown. */
async function compareKept(found) {
  if (!found.kept) throw new CannotCheck("nothing was given that the customer kept"); // holds in Python; here it is not claimed
  const shown = new Set([...found.chains().values()].flat().map((batch) => batch.identity));
  const asOfUs = integer(found.manifest, "as_of_us");
  const log = await logKeyOf(found);
  const receipts = sorted([...found.kept.keys()].filter((name) => /^receipts\/[0-9]+\.json$/.test(name)));
  if (!receipts.length) throw new Malformed("no receipts are in what the customer kept: it is made by speedproof-probe export");
  let later = 0, proven = 0, done = 0;
  for (const name of receipts) {
    const [identity, receipt] = await naming(name, async () => {
      const envelope = readEnvelope(lineOf(found.kept.get(name)));
      const told = readStatement(envelope.payload, "receipt/v1").digest;
      return [told, await readReceipt(envelope, found.line("collector").of(envelope.keyId), told)];
    });
    await found.step(++done);
    if (receipt.receivedUs > asOfUs) {
      later++;
      continue;
    }
    if (!shown.has(identity)) {
      throw new Malformed(`${name}: the collector has acknowledged batch ${receipt.batch} of device ${receipt.dev.slice(0, 16)}…, and does not show it`);
    }
    if (await isProven(name, identity, log, found)) proven++;
  }
  const words = `${receipts.length - later} receipts of the customer's, each for a batch that is here; ${proven} proven by the log`;
  return later ? `${words}; ${later} of batches that came later` : words;
}

/** Whether a proof beside a receipt holds; throws Malformed if it does not. */
async function isProven(name, identity, log, found) {
  const beside = name.replace(".json", ".sigstore.json");
  const data = found.kept.get(beside);
  if (!data || !log) return false;
  return naming(beside, async () => {
    const bundle = readBundle(lineOf(data));
    if (!equalBytes(bundle.logId, log.wholeId)) return false; // of a log before this one
    const key = found.devices.get(bundle.envelope.keyId);
    if (!key || bundle.envelope.identity !== identity) throw new Malformed("it is for another batch than the receipt");
    await checkBundle(bundle, key, log);
    return true;
  });
}

/** A Sigstore bundle v0.3 as read; nobody has checked it yet. Throws Malformed. */
function readBundle(data) {
  if (data.length > MAX_BUNDLE_BYTES) throw new Malformed(`a bundle of more than ${MAX_BUNDLE_BYTES} bytes`);
  const told = decode(data);
  if (member(told, "mediaType") !== BUNDLE_TYPE) throw new Malformed(`mediaType is not ${BUNDLE_TYPE}`);
  const envelope = readEnvelope(encode(objectIn(told, "dsseEnvelope")));
  const material = objectIn(told, "verificationMaterial");
  if (text(objectIn(material, "publicKey"), "hint") !== envelope.keyId) throw new Malformed("the bundle names another key than its envelope");
  const entries = member(material, "tlogEntries");
  if (!Array.isArray(entries) || entries.length !== 1 || !isObject(entries[0])) throw new Malformed("tlogEntries is not one object in a list");
  const [entry] = entries;
  const kind = objectIn(entry, "kindVersion");
  if (member(kind, "kind") !== "hashedrekord" || member(kind, "version") !== "0.0.2") throw new Malformed("the leaf is no hashedrekord 0.0.2");
  const proof = objectIn(entry, "inclusionProof");
  if (member(entry, "logIndex") !== member(proof, "logIndex")) throw new Malformed("two indices for one leaf");
  const hashes = member(proof, "hashes");
  if (!Array.isArray(hashes)) throw new Malformed("hashes is not a list");
  const bundle = {
    envelope,
    leaf: b64Exact(member(entry, "canonicalizedBody")),
    logId: b64Exact(member(objectIn(entry, "logId"), "keyId")),
    index: numberIn(proof, "logIndex"),
    size: numberIn(proof, "treeSize"),
    root: b64Exact(member(proof, "rootHash")),
    hashes: hashes.map(b64Exact),
    checkpoint: utf8(text(objectIn(proof, "checkpoint"), "envelope")),
  };
  checkTokens(material);
  return bundle;
}

/** RFC 3161 tokens are not looked at, but must be spelt as such. */
function checkTokens(material) {
  if (!Object.hasOwn(material, "timestampVerificationData")) return;
  const stamps = member(objectIn(material, "timestampVerificationData"), "rfc3161Timestamps");
  if (!Array.isArray(stamps)) throw new Malformed("rfc3161Timestamps is not a list");
  for (const one of stamps) {
    if (!isObject(one)) throw new Malformed("a time-stamp is not an object");
    b64Exact(member(one, "signedTimestamp"));
  }
}

/** Return only if what `key` signed is in this log; throws Malformed. */
async function checkBundle(bundle, key, log) {
  await verifiedBy(bundle.envelope, key);
  const leaf = leafOf(bundle.envelope.identity, bundle.envelope.signature, key.spki);
  if (!equalBytes(bundle.leaf, leaf)) throw new Malformed("the leaf is not of this envelope");
  const checkpoint = await openCheckpoint(bundle.checkpoint, log, []);
  if (checkpoint.size !== bundle.size || !equalBytes(checkpoint.root, bundle.root)) throw new Malformed("the proof is for another tree than its checkpoint's");
  checkInclusion(leafHash(leaf), bundle.index, bundle.size, bundle.hashes, bundle.root);
}

function objectIn(fields, name) {
  const value = member(fields, name);
  if (!isObject(value)) throw new Malformed(`${name} is not an object`);
  return value;
}

function numberIn(fields, name) {
  const value = text(fields, name);
  if (!/^(0|[1-9][0-9]{0,15})$/.test(value)) throw new Malformed(`${name} is not a decimal number`);
  return Number(value);
}
