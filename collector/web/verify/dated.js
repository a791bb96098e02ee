// Between which moments each batch was made (collector/evidence/dated.py, shared/beacon.py, shared/bracket.py). Moments are BigInt:
// a witness's time is a number of 64 bits. What time-stamps add (step time-stamps) this page cannot know.

const TIMES = "log/times.ndjson", STAMPS = "log/stamps.ndjson", WITNESSES = "log/witnesses";
const COSIG_BYTES = 76;
const SECOND_US = 1000000n, CLOCKS_US = 60000000n, LIVE_US = 86400000000n, TOLERANCE_US = 300000000n;
const RHO_PPM = 100n;
const GRADES_OF_TIME = ["live", "offline", "undated"];

/** Step "time": what is known of when, in words; throws Malformed for a batch whose two ends contradict each other. */
async function timesIn(found) {
  if (found.files.get(STAMPS)?.length) throw new CannotCheck(ELSEWHERE);
  const log = await logKeyOf(found), witnesses = witnessesOf(found);
  const { leaves, checkpoint } = loggedIn(found);
  if (!log || !checkpoint) return "no log tells when anything was made";
  const trusted = found.trust.witnesses.length > 0;
  const quorum = trusted ? found.trust.quorum : Math.max(1, witnesses.length);
  const seen = seenOf(await marksIn(found, log, witnesses, quorum, checkpoint));
  const told = { grades: new Map(GRADES_OF_TIME.map((grade) => [grade, 0])), widthsUs: [], skewed: 0, mostUs: 0n };
  const checked = new Set();
  let done = 0;
  for (const batch of [...found.chains().values()].flat()) {
    await dateBatch(told, batch, leaves.get(nameOf(batch)), seen, witnesses, checked, checkpoint.origin);
    await found.step(++done);
  }
  return datesInWords(told) + (trusted ? "" : "; by the witnesses whom the collector asks: compare them with what you were told");
}

/** What the step "log" has found; throws CannotCheck where it could not be checked. */
function loggedIn(found) {
  if (!found.logged) throw new CannotCheck(`it rests on step ${STEPS.indexOf("log") + 1}, which could not be checked`);
  return found.logged;
}

/** Those whom the reader trusts, or else those whom the collector asks; throws Malformed. */
function witnessesOf(found) {
  if (found.trust.witnesses.length) return found.trust.witnesses.map(noteKeyOf);
  const told = new TextDecoder("utf-8", { ignoreBOM: true }).decode(found.files.get(WITNESSES) ?? new Uint8Array());
  const lines = told.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/); // the ends of lines that Python knows
  if (!lines.at(-1)) lines.pop();
  return lines.map(noteKeyOf);
}

/** The lines of a member that end in a line feed. */
function* linesOf(data = new Uint8Array()) {
  for (let at = 0, end; (end = lineFeed(data, at)) >= 0; at = end + 1) yield data.subarray(at, end);
}

/** [size, time (µs)]: how large the log was when, by the cosigned checkpoints that are here; throws Malformed naming the line. */
async function marksIn(found, log, witnesses, quorum, whole) {
  const marks = [];
  let number = 0;
  for (const line of linesOf(found.files.get(TIMES))) {
    const told = decode(line), hashes = member(told, "hashes"), where = `${TIMES}: line ${++number}`;
    if (!Array.isArray(hashes)) throw new Malformed(`${where} has no hashes`);
    await naming(where, async () => {
      const note = readNote(utf8(text(told, "note"))), one = readCheckpoint(note.text);
      if (one.origin !== log.name) throw new Malformed(`a checkpoint of ${one.origin}, not of ${log.name}`);
      const times = [...(await cosignedIn(note, witnesses)).values()].sort((some, other) => (some < other ? -1 : some > other ? 1 : 0));
      checkConsistency(one.size, whole.size, hashes.map(b64Exact), one.root, whole.root);
      const timeS = times[Math.max(quorum, 1) - 1];
      if (timeS !== undefined) marks.push([one.size, timeS * SECOND_US]); // of witnesses that are not trusted nothing counts
    });
    await found.step(number);
  }
  return marks;
}

/** Sizes, falling, each with the earliest moment at which the log was so large. */
function seenOf(marks) {
  const found = [];
  for (const [size, timeUs] of marks.sort((one, other) => other[0] - one[0] || (one[1] < other[1] ? -1 : one[1] > other[1] ? 1 : 0))) {
    const [last, lastUs] = found.at(-1) ?? [Infinity, timeUs];
    if (size < last) found.push([size, timeUs < lastUs ? timeUs : lastUs]);
  }
  return found;
}

/** Not after this did a leaf come into the log; null if nothing tells. */
function seenUntil(seen, index) {
  if (index === undefined) return null;
  let begin = 0, end = seen.length; // the last size that is above the index
  while (begin < end) {
    const middle = half(begin + end);
    if (seen[middle][0] > index) begin = middle + 1;
    else end = middle;
  }
  return begin ? seen[begin - 1][1] : null;
}

async function dateBatch(told, batch, index, seen, witnesses, checked, origin) {
  const name = nameOf(batch), beacon = await naming(name, () => beaconOf(batch, witnesses, checked));
  const sinceUs = beacon && beacon.tS * SECOND_US, untilUs = seenUntil(seen, index);
  if (beacon && index !== undefined && beacon.origin === origin && beacon.size > index) {
    throw new Malformed(`${name}: names a checkpoint of ${beacon.size} leaves, and is leaf ${index} itself`);
  }
  const isKnown = sinceUs !== null && untilUs !== null;
  if (isKnown && sinceUs > untilUs + CLOCKS_US) {
    throw new Malformed(`${name}: was in the log ${(sinceUs - untilUs) / SECOND_US} s before it can have been made`);
  }
  const grade = !isKnown ? "undated" : untilUs - sinceUs <= LIVE_US ? "live" : "offline";
  told.grades.set(grade, told.grades.get(grade) + 1);
  if (isKnown) told.widthsUs.push(untilUs > sinceUs ? untilUs - sinceUs : 0n);
  if (batch.records && untilUs !== null) countSkewed(told, batch, sinceUs, untilUs, beacon?.monoUs ?? null);
}

/** {origin, size, tS, monoUs} of the beacon of one of these witnesses that a batch names, else null; throws Malformed if it is not his. */
async function beaconOf({ said }, witnesses, checked) {
  if (!Object.hasOwn(said.predicate, "beacon")) return null;
  const fields = said.predicate.beacon;
  if (!isObject(fields)) throw new Malformed("a beacon is an object");
  const cosig = b64Exact(member(fields, "cosig")), root = b64Exact(member(fields, "root"));
  if (cosig.length !== COSIG_BYTES || root.length !== HASH_BYTES) {
    throw new Malformed(`a beacon has a cosignature of ${COSIG_BYTES} bytes and a root of ${HASH_BYTES}`);
  }
  const origin = text(fields, "origin"), size = integer(fields, "size");
  const monoUs = Object.hasOwn(fields, "mono_us") ? BigInt(integer(fields, "mono_us")) : null;
  const words = `${origin}\n${size}\n${b64(root)}\n`, read = readCheckpoint(words);
  if (read.origin !== origin || read.more.length) throw new Malformed("a beacon's origin is one line"); // or it could be read as two
  const tS = BigInt(integer(fields, "t_s"));
  const witness = witnesses.find((one) => equalBytes(cosig.subarray(0, 4), one.id));
  if (!witness) return null;
  const told = `${tS}\n${hex(cosig)}${words}`;
  if (!checked.has(told)) { // many batches name the same one
    const timeS = await checkSignature(witness, { blob: cosig }, words);
    if (timeS !== tS) throw new Malformed(`a beacon of ${tS} with a cosignature of ${timeS}`);
    checked.add(told);
  }
  return { origin, size, tS, monoUs };
}

/** Count the records of a batch whose wall clock cannot have been right. */
function countSkewed(told, { said, records }, sinceUs, untilUs, beaconMonoUs) {
  const sealedUs = BigInt(said.predicate.sealed_mono_us), distance = (value) => (value < 0n ? -value : value);
  for (const record of records) {
    const wall = member(record, "wall_us"), mono = member(record, "mono_us"), isSameBoot = typeof member(record, "boot") !== "string";
    if (!isInteger(wall)) continue;
    const wallUs = BigInt(wall), monoUs = isInteger(mono) ? BigInt(mono) : null;
    const agoUs = sealedUs - (isSameBoot ? monoUs ?? sealedUs : 0n);
    const latestUs = untilUs - (agoUs > 0n ? agoUs - (agoUs * RHO_PPM) / 1000000n : 0n);
    let placedUs = wallUs;
    if (wallUs > latestUs + TOLERANCE_US) placedUs = latestUs;
    else if (sinceUs !== null && beaconMonoUs !== null && monoUs !== null && isSameBoot) {
      const afterUs = monoUs - beaconMonoUs, earliestUs = sinceUs + afterUs - (distance(afterUs) * RHO_PPM) / 1000000n;
      if (wallUs < earliestUs - TOLERANCE_US) placedUs = earliestUs;
    }
    const offUs = distance(wallUs - placedUs);
    if (offUs <= TOLERANCE_US) continue;
    told.skewed++;
    if (offUs > told.mostUs) told.mostUs = offUs;
  }
}

function datesInWords({ grades, widthsUs, skewed, mostUs }) {
  const parts = [`batches: ${GRADES_OF_TIME.map((grade) => `${grades.get(grade)} ${grade}`).join(", ")}`];
  const hours = (us) => fixed(Number(us) / 3600000000, 1);
  if (widthsUs.length) {
    const rising = widthsUs.sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
    const middle = rising[half(rising.length - 1)]; // of two in the middle the lower
    parts.push(`half of them are known within ${fixed(Number(middle) / 60 / 1000000, 0)} minutes, all that are known within ${hours(rising.at(-1))} hours`);
  }
  if (skewed) parts.push(`the device's clock was wrong for ${skewed} records, by ${hours(mostUs)} hours at most`);
  return parts.join("; ");
}

/** A number of at least 0 with so many digits behind its point, as Python rounds it: of two that are as near, to the even one. */
function fixed(value, digits) {
  const isTie = (value * 2 ** (digits + 1)) % 2 === 1, shifted = value * 10 ** digits;
  return isTie ? ((half(shifted) * 2 === Math.floor(shifted) ? Math.floor(shifted) : Math.ceil(shifted)) / 10 ** digits).toFixed(digits) : value.toFixed(digits);
}
