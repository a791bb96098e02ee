-- a row is one measurement of a line, in the order of time
SELECT r.provenance, coalesce(r.source, d.dev) AS dev, r.seq, r.slot, r.at_us, r.method, r.direction, r."end", r.rate_bps, r.rtt_us,
       r.loss_pm, r.received_bytes, r.dur_us, r.failure, r.stage, r.reason, r.flaws, r.network_type, r.received_us, r.grade,
       r.grade_reason, r.campaign, r.k, r.says, r.skew_us, r.limited
FROM record r LEFT JOIN (SELECT id, dev FROM device WHERE line = $line) d ON d.id = r.device
WHERE r.line = $line AND r.at_us >= $since_us ORDER BY r.at_us, dev, r.seq, r.method, r.stream, r.entry_no
