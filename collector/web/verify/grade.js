// Grading transfers by their peer's counter-signature (FORMAT.md, section 11; shared/grade.py, shared/transfer.py).

const DIRECTIONS = { download: "down", upload: "up" };
const BYTES_APART = 262144n, BYTES_APART_PERCENT = 2n, DURATION_APART_US = 100000n, TRICKLE_BYTES = 65536n;
const RECEIVER_LIMITED_PM = 200; // a slow reader keeps his peer waiting
const HINT_DIGITS = 16, SEED_BYTES = 32;
const PEERS = "keys/peers/";

/** The trusted peers by the part of their key's id that a record names; throws Malformed if a key is not what its name says. */
async function peersIn(found) {
  const peers = new Map();
  for (const name of found.named("keys/peers")) {
    const key = await keyFromPem(found.files.get(name));
    if (name !== `${PEERS}${key.id}.pem`) throw new Malformed(`${name}: not the key its name says`);
    peers.set(key.id.slice(0, HINT_DIGITS), key);
  }
  return peers;
}

/** The grade of a record: {grade, reason, session, isLimited}; null if no transfer was started. */
async function gradeOf(record, dev, peers) {
  const direction = Object.hasOwn(DIRECTIONS, methodOf(record)) ? DIRECTIONS[methodOf(record)] : null;
  if (!direction || endOf(record) === "not_started") return null;
  const oneSided = (reason, session = null) => ({ grade: "one_sided", reason, session });
  if (!Object.hasOwn(record, "co")) return oneSided("no_counter_signature");
  let told, peer;
  try {
    const envelope = coOf(record.co);
    peer = peers.get(envelope.keyId);
    if (!peer) return oneSided("unknown_peer");
    told = await readTransfer(envelope, peer);
  } catch (error) {
    if (error instanceof WrongSignature) return oneSided("bad_signature");
    if (error instanceof Malformed) return oneSided("unreadable");
    throw error;
  }
  if (told.dev !== dev) return oneSided("other_device");
  const another = aboutAnother(record, told, direction), reason = another ?? apart(record, told, direction);
  const session = `${dev}/${peer.id}/${told.sid}`;
  const isLimited = !another && direction === "down" && (member(told, "rwnd_limited_pm") ?? 0) > RECEIVER_LIMITED_PM;
  return { grade: reason ? "one_sided" : "counter_signed", reason, session, isLimited };
}

function coOf(co) {
  const [k, p, s] = isObject(co) ? ["k", "p", "s"].map((name) => member(co, name)) : [];
  if (![k, p, s].every((one) => typeof one === "string")) throw new Malformed("co does not have k, p and s");
  return envelopeOf(b64Exact(p), k, b64Exact(s));
}

/** Counts of bytes, flow by flow; throws Malformed. */
function flowsIn(said, name) {
  if (!Array.isArray(said[name])) throw new Malformed(`${name} is not a list`);
  if (!said[name].every((count) => isInteger(count) && count >= 0)) throw new Malformed(`${name} holds something that is no count of bytes`);
}

function seedIn(said, name) {
  if (b64Exact(said[name]).length !== SEED_BYTES) throw new Malformed(`a seed has ${SEED_BYTES} bytes`);
}

// What a transfer/v1 may say, in the order in which it is looked at.
const OF_TRANSFER = [
  ["acked_bytes", integer], ["received_bytes", integer], ["probe_bytes", integer], ["stream_sha256", sha256In], ["flow_bytes", flowsIn],
  ["seed", seedIn], ["seed_sha256", sha256In], ["min_rtt_us", integer], ["retransmitted_bytes", integer], ["rwnd_limited_pm", integer],
  ["flows", integer], ["seq", integer], ["intent", sha256In], ["cc", text], ["client", text], ["end", text],
];

/** The predicate of a transfer/v1 that this peer signed; throws WrongSignature or Malformed. */
async function readTransfer(envelope, peer) {
  const told = readStatement(await verifiedBy(envelope, peer), "transfer/v1");
  const said = told.predicate, sid = text(said, "sid");
  if (told.name !== "transfer" || told.digest !== sha256Hex(utf8(sid))) throw new Malformed("the subject is not the transfer");
  sha256In(said, "dev");
  if (!["down", "up"].includes(member(said, "dir"))) throw new Malformed("dir is neither down nor up");
  text(said, "peer");
  integer(said, "t_us");
  integer(said, "dur_us");
  for (const [name, read] of OF_TRANSFER) if (Object.hasOwn(said, name)) read(said, name);
  if (Object.hasOwn(said, "flow_bytes")) {
    const counted = member(said, said.dir === "down" ? "probe_bytes" : "received_bytes");
    if (counted === undefined || total(said.flow_bytes) !== BigInt(counted)) throw new Malformed("the flows' bytes are not the transfer's");
  }
  return said;
}

const total = (numbers) => numbers.reduce((sum, number) => sum + BigInt(number), 0n);

function aboutAnother(record, told, direction) {
  if (told.dir !== direction) return "other_direction";
  if (Object.hasOwn(told, "seq") && told.seq !== record.seq) return "other_start";
  return told.sid === member(record, "sid") ? null : "other_session";
}

/** Which figure of the record the peer does not bear out. In BigInt: sums may pass 2^53. */
function apart(record, told, direction) {
  const [received, dur] = [member(record, "received_bytes"), member(record, "dur_us")];
  if (!isInteger(received) || received < 0 || !isInteger(dur) || dur < 0) return "no_figures";
  const counted = member(told, direction === "down" ? "acked_bytes" : "received_bytes");
  if (counted === undefined) return "not_counted";
  if (Object.hasOwn(told, "probe_bytes") && told.probe_bytes !== received) return "other_count";
  if (!isSeriesOf(record, received, dur)) return "other_series";
  const distance = (one, other) => (one > other ? BigInt(one) - BigInt(other) : BigInt(other) - BigInt(one));
  const bytes = distance(received, counted);
  if (bytes > BYTES_APART && 100n * bytes > BYTES_APART_PERCENT * BigInt(counted)) return "bytes_apart";
  const most = 2n * BigInt(member(told, "min_rtt_us") ?? 0) + DURATION_APART_US;
  return distance(dur, told.dur_us) > most ? "duration_apart" : null;
}

function isSeriesOf(record, received, dur) {
  let times = rowsOf(member(record, "flow_t_us")), counts = rowsOf(member(record, "flow_bytes"));
  if (!times.length && !counts.length) [times, counts] = [[rowOf(member(record, "t_us"))], [rowOf(member(record, "bytes"))]];
  const lastOf = (rows) => rows.filter((row) => row.length).map((row) => row.at(-1));
  const [lastUs, lastBytes] = [lastOf(times), lastOf(counts)];
  if (!lastUs.length && !lastBytes.length) return true;
  const missing = BigInt(received) - total(lastBytes);
  return 0n <= missing && missing <= TRICKLE_BYTES && (lastUs.length ? lastUs.reduce((most, us) => Math.max(most, us)) : 0) <= dur;
}

const isRow = (value) => Array.isArray(value) && value.every(isInteger);
const rowOf = (value) => (isRow(value) ? value : []);
const rowsOf = (value) => (Array.isArray(value) && value.every(isRow) ? value : []);

/** How many records have which direction, grade and reason: a Map by the three, spelt as JSON. */
async function regrade(found, peers) {
  const counted = new Map();
  let number = 0;
  for (const batches of found.batches.values()) {
    const used = new Set();
    for (const batch of batches) {
      for (const record of batch.records) {
        const alone = await gradeOf(record, batch.said.dev, peers);
        if (!alone) continue;
        if (alone.session !== null) found.sessions.set(record, alone.session);
        const isUsed = alone.session !== null && used.has(alone.session);
        const one = isUsed ? { grade: "one_sided", reason: "session_reused" } : alone;
        if (alone.session !== null) used.add(alone.session);
        if (one.isLimited) found.limited.add(record);
        const told = JSON.stringify([DIRECTIONS[methodOf(record)], one.grade, one.reason]);
        counted.set(told, (counted.get(told) ?? 0) + 1);
      }
      await found.step(++number);
    }
  }
  return counted;
}

function tallyInWords(counted) {
  let all = 0, both = 0;
  const reasons = new Map();
  for (const [told, n] of counted) {
    const [, grade, reason] = JSON.parse(told);
    all += Number(n);
    if (grade === "counter_signed") both += Number(n);
    if (reason) reasons.set(reason, (reasons.get(reason) ?? 0) + Number(n));
  }
  const why = sorted(reasons.keys()).map((reason) => `${reasons.get(reason)} ${reason}`).join(", ");
  return `${both} of ${all} transfers counter-signed${why ? `, the others one-sided: ${why}` : ""}`;
}
