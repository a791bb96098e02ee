// The rate of a transfer, computed from what its record holds (shared/kpi.py). In BigInt: products pass 2^53.

/** In bit/s (BigInt); null if it did not finish or does not hold enough to compute one. */
function rateBps(record) {
  const [received, dur] = [member(record, "received_bytes"), member(record, "dur_us")];
  if (endOf(record) !== "ok" || !isInteger(received) || received < 0 || !isInteger(dur) || dur <= 0) return null;
  const flows = flowSeries(record), window = windowUs(record, flows);
  if (!window) return (8000000n * BigInt(received)) / BigInt(dur);
  const [from, until] = window;
  const moved = flows.reduce((sum, [times, counts]) => sum + bytesAt(times, counts, until) - bytesAt(times, counts, from), 0n);
  return (8000000n * moved) / BigInt(until - from);
}

/** [from, until] (µs since t = 0) of the part that its rate is taken from; null if it is the whole of it. */
function windowUs(record, flows) {
  const warm = member(record, "warm_us"), warmUs = isInteger(warm) ? warm : 0, stated = member(record, "until_us");
  if (!flows.length || warmUs < 0 || (warmUs === 0 && !isInteger(stated))) return null;
  const lastUs = flows.map(([times]) => times.at(-1)).reduce((one, other) => Math.min(one, other));
  const untilUs = isInteger(stated) && warmUs < stated && stated <= lastUs ? stated : lastUs;
  return untilUs > warmUs ? [warmUs, untilUs] : null;
}

/** [times, counts] of each flow's samples; nothing if there are none or they cannot be true. */
function flowSeries(record) {
  let [times, counts, held] = ["flow_t_us", "flow_bytes", "flow_held_bytes"].map((name) => rowsOf(member(record, name)));
  if (!times.length && !counts.length) [times, counts, held] = ["t_us", "bytes", "held_bytes"].map((name) => [rowOf(member(record, name))]);
  if (times.length !== counts.length) return [];
  if (held.length === counts.length && held.every((row, at) => row.length === counts[at].length)) {
    counts = counts.map((row, flow) => row.map((count, at) => Math.min(count + held[flow][at], row.at(-1))));
  }
  return times.every((row, flow) => isSeries(row, counts[flow])) ? times.map((row, flow) => [row, counts[flow]]) : [];
}

/** As many times as counts, starting at or after (0, 0), neither ever going back. */
function isSeries(times, counts) {
  const rises = (row) => row[0] >= 0 && row.every((value, at) => !at || row[at - 1] <= value);
  return times.length > 0 && times.length === counts.length && rises(times) && rises(counts);
}

/** Bytes (BigInt) that had arrived at a moment, interpolated between samples; the series starts at (0, 0). */
function bytesAt(times, counts, atUs) {
  let beforeUs = 0, before = 0;
  for (let at = 0; at < times.length; at++) {
    const [us, count] = [times[at], counts[at]];
    if (us >= atUs) {
      if (us === beforeUs) return BigInt(count);
      return BigInt(before) + (BigInt(atUs - beforeUs) * BigInt(count - before)) / BigInt(us - beforeUs);
    }
    [beforeUs, before] = [us, count];
  }
  return BigInt(before);
}
