// A device's keys over time: which took whose place, which was revoked (collector/evidence/key_steps.py, shared/revocation.py).
// A device is called by its first key, the one that was enrolled.

const MAX_REASON_BYTES = 1000;

/** The keys that took others' places and those that were revoked, in words; throws Malformed. */
async function followKeys(found) {
  const enrolled = [...found.devices.keys()], byOld = new Map();
  for (const name of found.named("rotations")) {
    const old = readEnvelope(lineOf(found.files.get(name))).keyId;
    if (byOld.has(old)) throw new Malformed(`${name}: a second key takes the place of ${old.slice(0, 16)}…, as in ${byOld.get(old)}`);
    byOld.set(old, name);
  }
  for (const first of enrolled) {
    let dev = first;
    found.firstKey.set(first, first);
    found.keys.set(first, [first]);
    while (byOld.has(dev)) {
      const name = byOld.get(dev);
      byOld.delete(dev);
      const { key, keyClass } = await readRotation(lineOf(found.files.get(name)), "device", found.devices.get(dev));
      dev = key.id;
      if (name !== `rotations/${dev}.json`) throw new Malformed(`${name}: not the key its name says`);
      if (found.devices.has(dev)) throw new Malformed(`${name}: a key takes another's place that is known already`);
      found.devices.set(dev, key);
      found.firstKey.set(dev, first);
      found.keys.get(first).push(dev);
      found.keyClasses.push(keyClass);
    }
  }
  for (const name of byOld.values()) throw new Malformed(`${name}: signed by a key that is not enrolled here`);
  return [...replacedInWords(found, enrolled.length), ...(await revokedIn(found))].join("; ");
}

function replacedInWords(found, enrolled) {
  const counts = new Map();
  for (const name of found.keyClasses) counts.set(name, (counts.get(name) ?? 0) + 1);
  const classes = sorted(counts.keys()).map((name) => `${counts.get(name)} × ${name}`).join(", ");
  const number = found.devices.size - enrolled;
  return [`${enrolled} devices`, ...(number ? [`${number} keys took another's place`] : []), ...(classes ? [`keys kept in: ${classes}`] : [])];
}

async function revokedIn(found) {
  const words = [];
  for (const name of found.named("revocations")) {
    const envelope = readEnvelope(lineOf(found.files.get(name)));
    const revocation = await readRevocation(envelope, found.line("portal").of(envelope.keyId));
    const first = found.firstKey.get(revocation.dev);
    if (!first) throw new Malformed(`${name}: it revokes a key that is not enrolled here`);
    found.revoked.set(name, first);
    words.push(`${first.slice(0, 8)} was revoked (“${revocation.reason}”)`);
    const { sinceUs } = revocation;
    if (sinceUs !== null) found.contestedUs.set(first, Math.min(sinceUs, found.contestedUs.get(first) ?? sinceUs));
  }
  return words;
}

/** {dev, reason, sinceUs} of a revoke/v1 by this portal; throws Malformed. */
async function readRevocation(envelope, portal) {
  const told = readStatement(await verifiedBy(envelope, portal), "revoke/v1");
  const dev = sha256In(told.predicate, "dev"), tUs = integer(told.predicate, "t_us");
  if (told.name !== "device" || told.digest !== dev) throw new Malformed("the subject is not the key that is revoked");
  const sinceUs = Object.hasOwn(told.predicate, "since_us") ? integer(told.predicate, "since_us") : null;
  if (sinceUs !== null && sinceUs > tUs) throw new Malformed("a key cannot have been stolen after it was revoked");
  const reason = trimmed(text(told.predicate, "reason"));
  if (!reason || utf8(reason).length > MAX_REASON_BYTES) throw new Malformed(`a reason has 1 to ${MAX_REASON_BYTES} bytes of words`);
  return { dev, reason, sinceUs };
}

/** See that no key signs a batch behind one of the key that took its place; throws Malformed. */
function checkTurns(found) {
  for (const [first, batches] of found.chains()) {
    let before = 0;
    for (const { said } of batches) {
      const place = found.keys.get(first).indexOf(said.dev);
      if (place < before) throw new Malformed(`batch ${said.batch} is signed by ${said.dev.slice(0, 16)}…, whose place another had taken`);
      before = place;
    }
  }
}

/** Whether a batch came when its device's key may have been in other hands. */
function isContested(found, { said, identity }) {
  const sinceUs = found.contestedUs.get(found.firstKey.get(said.dev));
  return sinceUs !== undefined && found.receivedUs.get(identity) >= sinceUs;
}

/** What came since its device's key may have been in other hands, in words; empty if nothing did. */
function contestedInWords(found) {
  const doubted = [...found.chains().values()].flat().filter((batch) => isContested(found, batch));
  return doubted.length ? `${total(doubted.map(({ said }) => said.n))} records in ${doubted.length} batches are contested` : "";
}

/** The files of a device with these keys in the order in which they must be in the log: rotations between the batches of two keys. */
function filesInTurn(keys, batches) {
  return keys.flatMap((key, place) => [
    ...(place ? [`rotations/${key}.json`] : []),
    ...batches.filter(({ said }) => said.dev === key).map(nameOf),
  ]);
}

/** That a device's files are in the log in their order, and none of its batches behind its revocation; throws Malformed. */
function checkDevicesOrder(found, indices) {
  const chains = found.chains(), last = new Map();
  for (const [dev, keys] of found.keys) {
    let before = indices.get(`enrolments/${dev}.json`) ?? -1;
    for (const name of filesInTurn(keys, chains.get(dev) ?? [])) {
      const at = indices.get(name) ?? before;
      if (at < before) throw new Malformed(`${name}: in the log before what it follows`);
      before = at;
      last.set(dev, [at, name]);
    }
  }
  for (const [name, dev] of found.revoked) {
    const [at, batch] = last.get(dev) ?? [-1, ""];
    if ((indices.get(name) ?? at) < at) throw new Malformed(`${batch}: in the log behind ${name}, by which its key was revoked`);
  }
}
