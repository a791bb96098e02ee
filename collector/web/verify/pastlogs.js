// Logs that were followed by others (shared/nextlog.py, collector/evidence/pastlogs.py): each says so itself, and so do the log
// behind it, whose first leaf the statement is, and the collector.

const PAST = "log/past/";
const nextFile = (name) => `${PAST}${name}/next.json`;
const pastProofs = (name) => `${PAST}${name}/proofs.ndjson`;
const isNextFile = (name) => name.startsWith(PAST) && name.endsWith("/next.json");
const vkeyOf = (key) => `${key.name}+${hex(key.id)}+${b64(joined(Uint8Array.of(key.type), key.key))}`;

/** {old, newer, checkpoint} of a next-log/v1 line that both logs and one of the collector's keys signed; throws Malformed. */
async function readNextLog(line, collector) {
  const envelope = readEnvelope(line);
  const told = readStatement(await verifiedBy(envelope, collector.of(envelope.keyId)), "next-log/v1");
  const note = utf8(text(told.predicate, "note")), last = utf8(text(told.predicate, "last"));
  if (told.name !== "log" || told.digest !== sha256Hex(note)) throw new Malformed("the subject is not the note");
  const old = noteKeyOf(text(told.predicate, "old")), newer = noteKeyOf(text(told.predicate, "new"));
  const checkpoint = await openCheckpoint(last, old, []);
  const signed = readNote(note);
  if (signed.text !== nextLogText(old, checkpoint, newer)) throw new Malformed("the logs have signed something else than the statement says");
  if ((await checkNote(signed, [old, newer])).size !== 2) throw new Malformed("not signed by both logs");
  return { old, newer, checkpoint };
}

function nextLogText(old, checkpoint, newer) {
  if (old.name === newer.name || old.type !== ED25519 || newer.type !== ED25519) throw new Malformed("a log is followed by another log, with another name");
  return `speedproof next-log/v1\n${vkeyOf(old)}\n${checkpoint.size}\n${b64(checkpoint.root)}\n${vkeyOf(newer)}\n`;
}

/** The logs from the one with this vkey on, by these statements. */
function followLogs(vkey, statements) {
  const byOld = new Map(statements.map((one) => [vkeyOf(one.old), one])), found = [];
  for (let one = byOld.get(vkey); one; one = byOld.get(vkeyOf(one.newer))) {
    found.push(one);
    byOld.delete(vkeyOf(one.old));
  }
  return found;
}

/** The logs before the newest, oldest first, those that do not lead to it before all others; throws Malformed. */
async function pastLogs(found, newest) {
  const statements = [];
  for (const name of found.names.filter(isNextFile)) {
    try {
      const one = await readNextLog(lineOf(found.files.get(name)), found.line("collector"));
      if (name !== nextFile(one.old.name)) throw new Malformed("of another log than its name says");
      const twin = statements.findIndex((other) => vkeyOf(other.old) === vkeyOf(one.old));
      statements.splice(twin < 0 ? statements.length : twin, twin < 0 ? 0 : 1, one);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new Malformed(`${name}: ${error.message}`);
    }
  }
  const followers = new Set(statements.map((one) => vkeyOf(one.newer)));
  const chains = statements.filter((one) => !followers.has(vkeyOf(one.old))).map((one) => followLogs(vkeyOf(one.old), statements));
  const leads = (chain) => Number(vkeyOf(chain.at(-1).newer) === vkeyOf(newest));
  const inOrder = chains.sort((one, other) => leads(one) - leads(other)).flat();
  if (inOrder.length !== statements.length) throw new Malformed(`${PAST}: logs that follow each other in a circle`);
  return inOrder;
}

/** How many logs after the one that was told the newest is; throws Malformed if that does not lead to it. */
async function leadsTo(found, told, newest) {
  const chain = followLogs(vkeyOf(told), await pastLogs(found, newest));
  if (vkeyOf(told) !== vkeyOf(newest) && (!chain.length || vkeyOf(chain.at(-1).newer) !== vkeyOf(newest))) {
    throw new Malformed(`the log is ${newest.name}, and the one you were told, ${told.name}, does not lead to it`);
  }
  return chain.length;
}
