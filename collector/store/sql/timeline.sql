-- a row is one measurement of a subscriber, in the order of time
SELECT provenance, dev, seq, slot, at_us, method, direction, "end", rate_bps, rtt_us, loss_pm, received_bytes, dur_us,
       failure, stage, reason, flaws, network_type, received_us, grade, grade_reason,
       CASE WHEN slot IS NULL AND provenance = 'signed' THEN json_extract_string(line, '$.campaign') END AS campaign,
       CASE WHEN slot IS NULL AND provenance = 'signed' THEN TRY_CAST(json_extract_string(line, '$.k') AS BIGINT) END AS k,
       CASE WHEN provenance = 'imported' THEN NULL
            WHEN method IN ('presence', 'episode', 'campaign') THEN json_extract_string(line, '$.event')
            WHEN method = 'reach' THEN json_extract_string(line, '$.reached')
            WHEN method = 'mark' THEN json_extract_string(line, '$.words') END AS says
FROM record WHERE subscriber = ? AND at_us >= ? ORDER BY at_us, dev, seq, method
