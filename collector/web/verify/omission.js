// What is missing is said as it is: bound and coverage, gaps, forks, tests by hand (collector/evidence/omission_step.py,
// shared/omission.py; FORMAT.md, section 15). Numbers of a case may pass 2^53, so those that are reckoned with are BigInt.

const MOST_SLOTS = 10000000n;
const LATE_US = 3600000000, SET_US = 1577836800000000, AHEAD_US = 300000000; // SET_US: 2020, before which a clock was never set
const TESTS = new Set(["latency", "fetch", "download", "upload", "loaded_latency"]);
const MOST_BPS = 10n ** 15n;
const MISSING_IN_WORDS = {
  down: "downloads slower than the least that was promised, or failed",
  up: "uploads slower than the least that was promised, or failed",
  any: "slots in which a test failed",
};

/** Step "omission": what is missing is said, as it is. */
async function omissionIn(found) {
  const refused = await refusedIn(found), forks = forksInWords(found, refused);
  const told = omissionTold(found);
  if (!told) return ["the case was made before it told of what is missing", ...forks].join("; ");
  checkPlanned(found, told.planned, refused);
  const ways = [...["down", "up"].filter((way) => told.leastBps.has(way)), "any"];
  const made = await boundsOf(found, told, ways, shownIn(found, told));
  if (!isSame(told.windows, made)) throw new Malformed("case.json: the bound it tells is not that of the signed records");
  const gaps = gapsIn(found);
  if (!isSame(told.gaps, gaps)) throw new Malformed("case.json: the gaps it tells are not those of the signed records");
  const isByHand = (record) => !UNCOUNTED.has(methodOf(record)) && !isInteger(member(record, "slot")) && !Object.hasOwn(record, "campaign");
  const byHand = recordsIn(found).filter(([, record]) => isByHand(record)).length;
  if (!isSame(told.byHand, byHand)) throw new Malformed(`case.json: it tells of ${told.byHand} tests by hand, there are ${byHand}`);
  const gone = total(gaps.map(([, , , missing]) => missing)), where = gaps.map(([dev, first, last]) => `${dev.slice(0, 8)}: ${first} to ${last}`).join(", ");
  return [
    ...ways.map((way) => boundInWords(way, made.filter((one) => one[1] === way))),
    `${gone} numbers without a record${where ? ` (${where})` : ""}`,
    ...forks,
    ...lateInWords(found),
    `${byHand} tests by hand, in no statistics`,
  ].join("; ");
}

/** [batch, record] of all that are here, by device and number. */
const recordsIn = (found) => sorted(found.batches.keys()).flatMap((dev) => found.batches.get(dev).flatMap((batch) => batch.records.map((record) => [batch, record])));

/** [device, number] of each batch that was kept aside; throws Malformed if it is none that a device has signed. */
async function refusedIn(found) {
  const refused = [];
  const keyOf = (keyId) => {
    if (!found.devices.has(keyId)) throw new Refused(3, "unknown_key", "signed by a key that is not enrolled here");
    return found.devices.get(keyId);
  };
  await inOrder(found, found.named("refused"), (name) => openBatch(found.files.get(name), keyOf), (name, opened, error) => {
    if (error instanceof Refused) throw new Malformed(`${name}: ${error.message}`);
    if (error) throw error;
    refused.push([found.firstKey.get(opened.said.dev), opened.said.batch]);
  });
  return refused;
}

function forksInWords(found, refused) {
  const numbers = new Set([...found.chains()].flatMap(([dev, batches]) => batches.map(({ said }) => `${dev} ${said.batch}`)));
  const words = (dev, batch) => (numbers.has(`${dev} ${batch}`) ? `a fork: two batches ${batch} of ${dev}` : `a batch ${batch} of ${dev} that does not follow its chain`);
  return refused.map(([dev, batch]) => words(dev, batch).replace(dev, dev.slice(0, 8)));
}

/** {planned, leastBps, every, windows, gaps, byHand} as the case says; null if it is older than the question. Throws Malformed. */
function omissionTold(found) {
  const told = readCase(found.member("case.json"));
  if ((told.get("omission") ?? null) === null) return null;
  try {
    return readOmission(told, told.get("omission"));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed("case.json: says in no readable way what is missing");
  }
}

function readOmission(told, omission) {
  const must = (isRight, value) => {
    if (!isRight) throw new Malformed("no value of its kind");
    return value;
  };
  const mapIn = (value) => must(value instanceof Map, value), listIn = (value) => must(Array.isArray(value), value);
  const whole = (value) => must(["number", "bigint"].includes(typeof value), value), word = (value) => must(typeof value === "string", value);
  const speeds = (value) => new Map([...mapIn(value)].map(([name, bps]) => [name, whole(bps)]));
  const rows = (name, read) => listIn(mapIn(omission).get(name)).map((one) => read(mapIn(one)));
  const contract = [...mapIn(told.get("contract"))].map(([way, promised]) => [way, [...speeds(promised).values()]]);
  const promised = contract.filter(([way, bps]) => ["down", "up"].includes(way) && bps.length);
  const leastBps = speeds(mapIn(omission).get("least_bps")), every = whole(omission.get("heavy_every"));
  must(isSame(leastBps, new Map(promised.map(([way, bps]) => [way, bps.reduce((one, other) => (other < one ? other : one))]))));
  const planned = rows("planned", (one) => {
    const [slotS, first, stop] = ["slot_s", "first_slot", "stop_slot"].map((name) => BigInt(whole(one.get(name))));
    return { dev: word(one.get("dev")), slotS: must(slotS > 0n, slotS), first, stop };
  });
  must(every >= 1 && planned.reduce((sum, one) => sum + one.stop - one.first, 0n) <= MOST_SLOTS);
  const windows = rows("windows", (one) => [whole(one.get("day")), word(one.get("way")), ...["scheduled", "slow", "missing"].map((name) => whole(one.get(name)))]);
  const gaps = rows("gaps", (one) => [word(one.get("dev")), ...["first_seq", "last_seq", "missing"].map((name) => whole(one.get(name)))]);
  const counts = mapIn(told.get("counts")), signed = counts.has("signed") ? mapIn(counts.get("signed")) : new Map();
  return { planned, leastBps, every, windows, gaps, byHand: signed.has("by_hand") ? whole(signed.get("by_hand")) : 0 };
}

/** That every device is asked about from its enrolment on, and up to the moment of the file; throws Malformed. */
function checkPlanned(found, planned, refused) {
  if (!isSame(sorted(planned.map((one) => one.dev)), sorted(found.enrolledUs.keys()))) throw new Malformed("case.json: it does not ask about each device once");
  const asOfUs = BigInt(integer(found.manifest, "as_of_us")), larger = (one, other) => (one > other ? one : other);
  const ended = new Set([...refused.map(([dev]) => dev), ...found.revoked.values()]);
  for (const one of planned) {
    const slotUs = one.slotS * 1000000n, start = (BigInt(found.enrolledUs.get(one.dev)) + slotUs - 1n) / slotUs;
    const wanted = larger(start, one.first), latest = larger(start, latestFirst(found, one.dev, slotUs));
    const first = wanted < latest ? wanted : latest, stop = larger(first, asOfUs / slotUs);
    const isCut = ended.has(one.dev) && first <= one.stop && one.stop <= stop;
    if (one.first !== first || !(one.stop === stop || isCut)) {
      throw new Malformed(`case.json: it asks about slots ${one.first} to ${one.stop} of ${one.dev.slice(0, 8)}, not ${first} to ${stop}`);
    }
  }
}

/** The latest slot from which it may be asked: where records were removed, that behind the last of them; else none is later. */
function latestFirst(found, dev, slotUs) {
  const ends = (found.removed.get(dev) ?? []).map(({ said, identity }) => Math.min(member(said.predicate, "sealed_wall_us"), found.receivedUs.get(identity)));
  return ends.length ? (BigInt(ends.reduce((one, other) => Math.max(one, other))) + 60000000n + slotUs - 1n) / slotUs : 0n;
}

/** What the slots show: by device and way a Map from slot to whether it is slow. */
function shownIn(found, { planned, leastBps }) {
  const shown = new Map(planned.flatMap(({ dev }) => ["down", "up", "any"].map((way) => [`${dev} ${way}`, new Map()])));
  const slots = new Map(planned.map(({ dev, slotS }) => [dev, slotS * 1000000n]));
  for (const [batch, record] of recordsIn(found)) {
    const slot = member(record, "slot"), dev = found.firstKey.get(batch.said.dev), flaws = member(record, "flaws");
    const wall = member(record, "wall_us"), atUs = isInteger(wall) ? wall : 0, end = endOf(record), method = methodOf(record);
    if (!isInteger(slot) || isContested(found, batch) || found.limited.has(record)) continue;
    if ((Array.isArray(flaws) && flaws.some((one) => typeof one === "string")) || atUs > found.receivedUs.get(batch.identity) + AHEAD_US) continue;
    const slotUs = slots.get(dev), isBefore = atUs < 0 && BigInt(atUs) % slotUs !== 0n; // whole slots before 1970 too
    const behind = BigInt(atUs) / slotUs - (isBefore ? 1n : 0n) - BigInt(slot);
    if ((behind !== 0n && behind !== 1n) || !TESTS.has(method) || !["ok", "failed"].includes(end)) continue;
    const show = (way, isSlow) => {
      const of = shown.get(`${dev} ${way}`);
      of.set(slot, of.get(slot) || isSlow);
    };
    show("any", end === "failed");
    const way = DIRECTIONS[method], rate = leastBps.has(way) ? rateBps(record) : null;
    if (leastBps.has(way) && end === "failed") show(way, true);
    else if (rate !== null && 0n <= rate && rate <= MOST_BPS) show(way, rate < leastBps.get(way));
  }
  return shown;
}

/** [day, way, scheduled, slow, missing] of each way over each UTC day that has a scheduled start, by day and way. */
async function boundsOf(found, { planned, every }, ways, shown) {
  const sums = new Map(), step = typeof every === "bigint" ? Infinity : every;
  for (const { dev, slotS, first, stop } of planned) {
    if (first >= stop) continue; // where a device has slots, their numbers are small
    const heavy = Number(BigInt(parseInt(dev.slice(0, 8), 16)) % BigInt(every)), of = ways.map((way) => shown.get(`${dev} ${way}`));
    for (let slot = Number(first); slot < stop; slot++) {
      if (slot % 65536 === 0) await found.report(0, 0);
      const day = Math.floor((slot * Number(slotS)) / DAY_S);
      if (!sums.has(day)) sums.set(day, ways.map((way) => [day, way, 0, 0, 0]));
      sums.get(day).forEach((sum, place) => {
        if (slot % step !== heavy && ways[place] !== "any") return;
        const isSlow = of[place].get(slot);
        sum[2]++;
        if (isSlow) sum[3]++;
        if (isSlow === undefined) sum[4]++;
      });
    }
  }
  return [...sums.keys()].sort((one, other) => one - other).flatMap((day) => sums.get(day)).filter(([, , scheduled]) => scheduled);
}

/** [device, first, last, missing]: where numbers are missing before a device's last record, less those that were removed. */
function gapsIn(found) {
  const gaps = [];
  for (const dev of sorted(found.batches.keys())) {
    const gone = (found.removed.get(dev) ?? []).map(({ said }) => said);
    const [least, most] = gone.reduce(([one, other], said) => [Math.min(one, said.firstSeq), Math.max(other, said.lastSeq)], [Infinity, -Infinity]);
    let wanted = 0;
    const numbers = new Set(found.batches.get(dev).flatMap(({ records }) => records.map((record) => record.seq)));
    for (const number of [...numbers].sort((one, other) => one - other)) {
      const there = Math.max(0, Math.min(number - 1, most) - Math.max(wanted, least) + 1);
      if (number - wanted - there) gaps.push([dev, wanted, number - 1, number - wanted - there]);
      wanted = number + 1;
    }
  }
  return gaps;
}

function boundInWords(way, windows) {
  const [scheduled, slow, missing] = [2, 3, 4].map((place) => windows.reduce((sum, one) => sum + one[place], 0));
  if (!scheduled) return `${MISSING_IN_WORDS[way]}: none was wanted yet`;
  const share = (count, round) => fixed(round((1000 * count) / scheduled) / 10, 1);
  const [least, most, covered] = [share(slow, Math.floor), share(slow + missing, Math.ceil), share(scheduled - missing, Math.floor)];
  return `${MISSING_IN_WORDS[way]}: between ${least} and ${most} % of ${scheduled} that were wanted (${slow} are shown, ${missing} are missing; coverage ${covered} %)`;
}

/** How many records came late by their devices' clocks and the receipts, and what the devices recorded of their tries. */
function lateInWords(found) {
  const records = recordsIn(found), lateUs = [];
  for (const [batch, record] of records) {
    const wall = member(record, "wall_us"), late = found.receivedUs.get(batch.identity) - (isInteger(wall) ? wall : 0);
    if (late > LATE_US && isInteger(wall) && wall > SET_US) lateUs.push(late);
  }
  if (!lateUs.length) return [];
  const notes = records.map(([, record]) => record).filter((record) => methodOf(record) === "presence" && member(record, "event") === "not_accepted");
  const count = (name) => total(notes.map((one) => (isInteger(member(one, name)) ? Math.max(0, one[name]) : 0)));
  const most = fixed(lateUs.reduce((one, other) => Math.max(one, other)) / 3600000000, 1);
  return [`${lateUs.length} records came more than an hour after they were made (at most ${most} h); of their tries meanwhile the devices recorded: ${count("put_off")} put off by the collector, ${count("refused")} refused, ${count("silent")} unanswered`];
}
