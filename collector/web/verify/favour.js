// Whether a peer is treated better than ordinary hosts, or than other peers (collector/evidence/peers_step.py, shared/favour.py).

const FAVOUR_RULE = "peer_favoured/1";
const FACTOR = 2n, LEAST_RESULTS = 5, LEAST_BYTES = 200000;
const HOUR_US = 3600000000;

/** Step "peers": each peer beside ordinary hosts, and beside other peers; what the case says of it must be the same. */
async function peersBesideIn(found) {
  const rows = await favoursOf(recordsIn(found).map(([, record]) => record), found);
  const told = readCase(found.member("case.json")).get("peers") ?? null;
  if (told !== null && !isSame(told, rows.map((row) => new Map(Object.entries(row))))) {
    throw new Malformed("case.json: what it says of peers beside ordinary hosts is not what the signed records say");
  }
  return rows.map(favourInWords).join("; ") || "nothing to compare: no object of an ordinary host, and one peer alone";
}

/** {method, source, isPeer, hour, rate} of what a record says of a rate from somewhere; null if it says nothing of the kind. */
function pullOf(record) {
  const whole = (name) => (isInteger(member(record, name)) ? record[name] : 0);
  const words = (name) => (typeof member(record, name) === "string" ? record[name] : null);
  const flaws = member(record, "flaws"), method = methodOf(record), peer = words("peer"), atUs = whole("wall_us");
  const isFlawed = Array.isArray(flaws) && flaws.some((one) => typeof one === "string");
  if (endOf(record) !== "ok" || isFlawed || whole("received_bytes") < LEAST_BYTES) return null;
  const hour = Math.floor((atUs - (((atUs % HOUR_US) + HOUR_US) % HOUR_US)) / HOUR_US);
  if (method === "download" && peer !== null) {
    const rate = rateBps(record);
    return rate === null ? null : { method, source: peer, isPeer: true, hour, rate };
  }
  if (method !== "fetch") return null;
  const tookUs = BigInt(whole("dur_us")) - BigInt(whole("first_byte_us")), isForeign = words("host") === "foreign";
  const source = isForeign ? (words("url") ?? "").split("/")[2]?.split("@").at(-1) : peer; // a URL cut at its slashes
  return tookUs <= 0n || !source ? null : { method, source, isPeer: !isForeign, hour, rate: (8000000n * BigInt(whole("received_bytes"))) / tookUs };
}

/** Each peer beside the others over the hours they share, by method and peer; those that share none are left out. */
async function favoursOf(records, found) {
  const pulls = records.map(pullOf).filter(Boolean), sides = new Map(), rows = [];
  for (const { method, source, isPeer } of pulls) if (isPeer) sides.set(JSON.stringify([method, source]), [method, source]);
  for (const [method, peer] of [...sides.values()].sort(compareRows)) {
    await found.step(rows.length);
    const row = besideOthers(pulls.filter((one) => one.method === method), method, peer);
    if (row) rows.push(row);
  }
  return rows;
}

function besideOthers(pulls, method, peer) {
  const isOwn = (one) => one.isPeer && one.source === peer, hoursOf = (some) => new Set(some.map((one) => one.hour));
  const [all, rest] = [pulls.filter(isOwn), pulls.filter((one) => !isOwn(one))];
  const [mine, theirs] = [hoursOf(all), hoursOf(rest)], isShared = ({ hour }) => mine.has(hour) && theirs.has(hour);
  const [own, others] = [all.filter(isShared), rest.filter(isShared)];
  if (!own.length) return null;
  const [median, othersMedian] = [own, others].map(medianLow), most = othersMedian > 1n ? othersMedian : 1n;
  const isFavoured = Math.min(own.length, others.length) >= LEAST_RESULTS && median >= FACTOR * most;
  const names = sorted(new Set(others.map((one) => one.source)));
  return {
    method, peer, n: own.length, median_bps: median, others: names, others_n: others.length, others_median_bps: othersMedian,
    favoured: isFavoured ? FAVOUR_RULE : null,
  };
}

/** The rate in the middle; of two the lower. */
function medianLow(pulls) {
  const rates = pulls.map((one) => one.rate).sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  return rates[half(rates.length - 1)];
}

function favourInWords(row) {
  const mega = (rate) => fixed(Number(rate) / 1e6, 1);
  const words = `${row.method} from peer ${row.peer}: median ${mega(row.median_bps)} Mbit/s (${row.n}), from others in the same hours ` +
    `${mega(row.others_median_bps)} (${row.others_n}; ${row.others.join(", ")})`;
  return row.favoured ? `${words}: PEER FAVOURED by rule ${row.favoured}` : words;
}
