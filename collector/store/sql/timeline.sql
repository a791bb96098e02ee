-- a row is one measurement of a subscriber, in the order of time
SELECT provenance, dev, seq, slot, at_us, method, direction, "end", rate_bps, rtt_us, loss_pm, received_bytes, dur_us,
       failure, stage, reason, flaws, network_type, received_us, grade, grade_reason
FROM record WHERE subscriber = ? AND at_us >= ? ORDER BY at_us, dev, seq, method
