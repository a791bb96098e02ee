// Whether starts were where the schedule drew them (collector/evidence/drawn.py, shared/slots.py; FORMAT.md, section 6). Told only.

const WINDOWS = "log/windows.ndjson";
const DAY_S = 86400;
const SOON_US = 60000000n, EARLY_US = 1000000n;
const HMAC_BYTES = 64; // the block of SHA-256

/** Step "starts": how many slots began at the moment drawn for them, in words; throws Malformed. */
async function startsIn(found) {
  const log = await logKeyOf(found), witnesses = witnessesOf(found);
  const keys = log ? await keysOfDays(found, log, witnesses) : new Map();
  const plans = plansIn(found.manifest), counted = new Map();
  let done = 0;
  for (const [dev, batches] of found.batches) {
    const seen = new Set();
    for (const { records } of batches) {
      for (const record of records) {
        const slot = member(record, "slot");
        if (!isInteger(slot) || seen.has(slot) || endOf(record) === "not_started") continue;
        seen.add(slot);
        const words = startInWords(record, slot, dev, plans.get(dev), keys);
        counted.set(words, (counted.get(words) ?? 0) + 1);
      }
      await found.step(++done);
    }
  }
  return sorted(counted.keys()).map((words) => `${counted.get(words)} ${words}`).join(", ") || "no slot was begun";
}

/** What the starts of each UTC day (BigInt) were drawn from; throws Malformed naming the line. */
async function keysOfDays(found, log, witnesses) {
  const keys = new Map();
  let number = 0;
  for (const line of linesOf(found.files.get(WINDOWS))) {
    await naming(`${WINDOWS}: line ${++number}`, async () => {
      const told = decode(line), day = BigInt(integer(told, "day"));
      const { note, cosigned } = await openCheckpoint(utf8(text(told, "note")), log, witnesses);
      const isOfDay = ({ name }) => cosigned.has(name) && cosigned.get(name) / BigInt(DAY_S) === day;
      const by = ({ name, id }) => note.signatures.filter((one) => one.name === name && equalBytes(one.blob.subarray(0, 4), id));
      keys.set(day, witnesses.filter(isOfDay).flatMap(by).map(({ blob }) => sha256(blob)));
    });
  }
  return keys;
}

/** {slotS, guardS} of each device; throws Malformed. */
function plansIn(manifest) {
  const told = member(manifest, "plans") ?? {}, plans = new Map();
  if (!isObject(told)) throw new Malformed("the manifest's plans are no table");
  for (const dev of sorted(Object.keys(told))) {
    const plan = told[dev];
    if (!isObject(plan)) throw new Malformed(`the manifest's plan of ${dev} is no table`);
    try {
      const slotS = integer(plan, "slot_s", 1), guardS = integer(plan, "guard_s");
      if (guardS >= slotS) throw new Malformed("a slot must be longer than its guard, and the guard not negative");
      plans.set(dev, { slotS: BigInt(slotS), guardS: BigInt(guardS) });
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new Malformed(`the manifest's plan of ${dev}: ${error.message}`);
    }
  }
  return plans;
}

/** Where the first test of a slot began. */
function startInWords(record, slot, dev, plan, keys) {
  const wallUs = member(record, "wall_us"), drawn = member(record, "drawn");
  if (drawn !== "beacon") return drawn === "older" ? "slots drawn from an older checkpoint" : "slots drawn by the device alone";
  const ofDay = (plan && slot >= 0 && keys.get((BigInt(slot) * plan.slotS) / BigInt(DAY_S))) || [];
  if (!ofDay.length || !isInteger(wallUs)) return "slots whose draw cannot be made again here";
  const isAtMoment = ofDay.some((key) => {
    const lateUs = BigInt(wallUs) - startUs(plan, key, dev, slot);
    return -EARLY_US <= lateUs && lateUs <= SOON_US;
  });
  return isAtMoment ? "slots begun at the moment drawn for them" : "slots begun at another moment than was drawn";
}

/** The moment (unix µs) at which this device starts in this slot. */
function startUs({ slotS, guardS }, key, dev, slot) {
  const drawn = hmacSha256(key, utf8(`sched/v1\n${dev}\n${slot}`)).subarray(0, 8).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return BigInt(slot) * slotS * 1000000n + (drawn % ((slotS - guardS) * 1000000n));
}

/** HMAC with SHA-256 (RFC 2104), by a key of at most one block. */
function hmacSha256(key, message) {
  const padded = (byte) => Uint8Array.from({ length: HMAC_BYTES }, (_, at) => (key[at] ?? 0) ^ byte);
  return sha256(joined(padded(0x5c), sha256(joined(padded(0x36), message))));
}
