-- a row is one measurement that came from one of these entries of a stream's ledger, with every column
SELECT line, provenance, stream, entry_no, seq, at_us, received_us, method, "end", device, source, slot, direction,
       rate_bps, rtt_us, loss_pm, received_bytes, dur_us, failure, stage, reason, flaws, network_type, grade, grade_reason,
       session, limited, campaign, k, says, note, technology, sim_mccmnc, net_mccmnc, located, radio, "operator", area,
       cell, pci, channel, band, rsrp_dbm, rsrq_ddb, sinr_ddb, signals, skew_us
FROM record WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no, seq
