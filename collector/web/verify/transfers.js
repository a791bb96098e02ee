// What peers themselves have signed of transfers, and what became of these (collector/evidence/transfer_step.py, shared/delivery.py).

const PATIENCE_US = 86400000000;
const MOST_NAMED = 20;
const NO_LOAD = new Set([...UNCOUNTED, "latency", "dns", "path", "fetch"]);
const OTHER_WAY = { down: "upload", up: "download" };
const NEVER_DELIVERED = new Set(["denied", "passed_over", "overdue"]);
const OF_NEVER = ["dev", "seq", "sid", "peer", "direction", "standing"];

/** Step "transfers": peers' statements hold, and what became of their transfers is what the case says. */
async function transfersIn(found) {
  const peers = await peersIn(found);
  const statements = [...(await statementsIn(found, peers)).values()].sort((one, other) =>
    compareRows([one.said.t_us, one.said.sid, one.peer.id], [other.said.t_us, other.said.sid, other.peer.id]));
  const there = deliveredIn(found);
  const asOfUs = integer(found.manifest, "as_of_us");
  const counted = new Map(), never = [], differing = [], taken = new Set();
  for (const { device, peer, said } of statements) {
    const { records, alone } = standingOf(there.get(device), peer, said, asOfUs);
    const start = JSON.stringify([device, member(said, "seq") ?? null, said.dir]);
    const standing = alone === "delivered" && taken.has(start) ? "denied" : alone; // of several for one start the first
    if (alone === "delivered") taken.add(start);
    counted.set(standing, (counted.get(standing) ?? 0) + 1);
    if (NEVER_DELIVERED.has(standing) && Object.hasOwn(said, "seq")) never.push([device, said.seq, said.sid, peer.id, said.dir, standing]);
    for (const record of standing === "delivered" ? records : []) {
      const reason = differsIn(record, said);
      if (reason) differing.push(`${device.slice(0, 8)}: ${record.seq} ${reason}`);
    }
  }
  never.sort(compareRows);
  compareTold(transfersTold(found), counted, never);
  return transfersInWords(counted, never, sorted(differing));
}

/** The order of lists of numbers and texts, which is Python's of tuples. */
function compareRows(one, other) {
  for (let at = 0; at < one.length; at++) {
    if (one[at] === other[at]) continue;
    return typeof one[at] === "string" ? byCodePoint(one[at], other[at]) : one[at] < other[at] ? -1 : 1;
  }
  return 0;
}

/** {device, peer, said} by identity: the same one from two ledgers is one. Throws Malformed. */
async function statementsIn(found, peers) {
  const made = new Map();
  for (const name of found.named("transfers")) {
    await naming(name, async () => {
      const envelope = readEnvelope(lineOf(found.files.get(name))), peer = peers.get(envelope.keyId.slice(0, HINT_DIGITS));
      if (!peer || peer.id !== envelope.keyId) throw new Malformed("signed by a peer whose key is not here");
      const said = await readTransfer(envelope, peer), device = found.firstKey.get(said.dev);
      if (!device) throw new Malformed("about a device that is not enrolled here");
      made.set(envelope.identity, { device, peer, said });
    });
    await found.step(made.size);
  }
  return made;
}

/** What there is of each device. */
function deliveredIn(found) {
  const there = new Map();
  for (const [device, batches] of found.chains()) {
    const of = { bySeq: new Map(), bySession: new Map(), session: new Map(), lastSeq: -1, removed: [] };
    there.set(device, of);
    for (const { said, records } of batches) {
      of.lastSeq = Math.max(of.lastSeq, said.lastSeq);
      if (!records) of.removed.push([said.firstSeq, said.lastSeq]);
      for (const record of records ?? []) {
        of.bySeq.set(record.seq, record);
        const session = found.sessions.get(record);
        if (session === undefined) continue;
        if (!of.bySession.has(session)) of.bySession.set(session, []);
        of.bySession.get(session).push(record);
        of.session.set(record.seq, session);
      }
    }
  }
  return there;
}

/** What became of a transfer by itself, and the records that may be about it. */
function standingOf(device, peer, said, asOfUs) {
  const seq = member(said, "seq"), session = `${said.dev}/${peer.id}/${said.sid}`;
  const records = [...(device?.bySession.get(session) ?? [])], borne = device?.session.get(seq);
  if (device?.bySeq.has(seq) && borne === undefined) records.push(device.bySeq.get(seq));
  const canBe = (record) => endOf(record) !== "not_started" && !NO_LOAD.has(methodOf(record)) && methodOf(record) !== OTHER_WAY[said.dir];
  const isRemoved = device?.removed.some(([first, last]) => first <= seq && seq <= last);
  const late = seq !== undefined && asOfUs - said.t_us > PATIENCE_US ? "overdue" : "awaited";
  const rest = records.length || (borne !== undefined && borne !== session) ? "denied" : device?.lastSeq >= seq ? "passed_over" : late;
  return { records, alone: records.some(canBe) ? "delivered" : isRemoved ? "removed" : rest };
}

/** In what a record says otherwise than its peer; null if nothing shows. */
function differsIn(record, said) {
  const direction = Object.hasOwn(DIRECTIONS, methodOf(record)) ? DIRECTIONS[methodOf(record)] : null;
  if (!direction) return null;
  const reason = said.dir === direction ? apart(record, said, direction) : "other_direction";
  return ["no_figures", "not_counted"].includes(reason) ? null : reason;
}

/** {standings, never} as the case says, null if it was made before it did; throws Malformed. */
function transfersTold(found) {
  const told = readCase(found.member("case.json")).get("transfers") ?? null;
  if (told === null) return null;
  const isWhole = (value) => ["number", "bigint"].includes(typeof value);
  const isRow = (row) => row instanceof Map && OF_NEVER.every((name) => (name === "seq" ? isWhole(row.get(name)) : typeof row.get(name) === "string"));
  const [standings, never] = told instanceof Map ? [told.get("standings"), told.get("never")] : [];
  if (!(standings instanceof Map) || ![...standings.values()].every(isWhole) || !Array.isArray(never) || !never.every(isRow)) {
    throw new Malformed("case.json: says in no readable way what became of transfers");
  }
  return { standings, never: never.map((row) => OF_NEVER.map((name) => row.get(name))).sort(compareRows) };
}

function compareTold(told, counted, never) {
  if (!told || (isSame(told.standings, counted) && isSame(told.never, never))) return;
  const [shown, found] = [told.never, never].map((rows) => new Map(rows.map((row) => [JSON.stringify(row.map(String)), row])));
  const odd = [...[...shown].filter(([key]) => !found.has(key)), ...[...found].filter(([key]) => !shown.has(key))].map(([, row]) => row);
  const where = odd.length ? `, as of ${neverInWords(odd.sort(compareRows))}` : "";
  throw new Malformed(`case.json: it says another thing of what peers have signed than is found here${where}`);
}

const andMore = (list) => (list.length > MOST_NAMED ? ` and ${list.length - MOST_NAMED} more` : "");

function neverInWords(never) {
  const row = ([dev, seq, , , , standing]) => `start ${seq} of ${[...dev].slice(0, 8).join("")} (${standing})`;
  return never.slice(0, MOST_NAMED).map(row).join(", ") + andMore(never);
}

function transfersInWords(counted, never, differing) {
  if (!counted.size) return "no peer's own words are here";
  const rest = sorted(counted.keys()).filter((name) => !NEVER_DELIVERED.has(name)).map((name) => `${counted.get(name)} ${name}`).join(", ");
  const words = [`${total([...counted.values()])} transfers signed by peers${rest ? `: ${rest}` : ""}`];
  words.push(`started, never delivered: ${never.length}${never.length ? ` (${neverInWords(never)})` : ""}`);
  if (differing.length) words.push(`records that say otherwise than their peer: ${differing.slice(0, MOST_NAMED).join(", ")}${andMore(differing)}`);
  return words.join("; ");
}
