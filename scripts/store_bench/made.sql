-- a row is one measurement that could have been: a slot of three tests on one of the line's three cells, slower in the evening,
-- now and then failed, held back or flawed; number i of n in the order of time, spread over the days
SELECT t.line, 1000000000 + t.line AS device, 'signed' AS provenance, NULL::VARCHAR AS source, 0 AS stream, i // 24 + 1 AS entry_no,
       i // 3 // {lines} * 3 + i % 3 AS seq, t.at_us // 900000000 AS slot, t.at_us, t.at_us + t.dur_us + h1 % 21600000000 AS received_us,
       ['latency', 'download', 'upload'][1 + i % 3] AS method, ['round_trip', 'down', 'up'][1 + i % 3] AS direction,
       CASE WHEN t.bad < 950 THEN 'ok' WHEN t.bad < 980 THEN 'failed' ELSE 'not_started' END AS "end",
       CASE WHEN t.bad < 950 AND i % 3 > 0 THEN t.rate_bps END AS rate_bps, CASE WHEN t.bad < 950 AND i % 3 = 0 THEN 15000 + h2 % 60000 END AS rtt_us,
       CASE WHEN t.bad < 950 AND i % 3 = 0 THEN CASE WHEN h3 % 10 = 0 THEN 50 ELSE 0 END END AS loss_pm,
       CASE WHEN t.bad < 950 AND i % 3 > 0 THEN t.rate_bps // 8 * t.dur_us // 1000000 END AS received_bytes, CASE WHEN t.bad < 980 THEN t.dur_us END AS dur_us,
       CASE WHEN t.bad BETWEEN 950 AND 979 THEN ['generic_timeout_error', 'connection_refused', 'eof_error'][1 + h3 % 3] END AS failure,
       CASE WHEN t.bad BETWEEN 950 AND 979 THEN 'connect' END AS stage,
       CASE WHEN t.bad >= 980 THEN ['metered', 'battery_low'][1 + h3 % 2] END AS reason,
       CASE WHEN h2 % 20 = 0 THEN '["cross_traffic"]' WHEN h2 % 50 = 1 THEN '["wifi"]' END AS flaws,
       CASE WHEN h2 % 50 = 1 THEN 'wifi' ELSE 'mobile' END AS network_type,
       CASE WHEN t.bad < 980 AND i % 3 > 0 THEN CASE WHEN h1 % 4 > 0 THEN 'counter_signed' ELSE 'one_sided' END END AS grade,
       CASE WHEN t.bad < 980 AND i % 3 > 0 AND h1 % 4 = 0 THEN 'no_counter_signature' END AS grade_reason,
       CASE WHEN t.bad < 980 AND i % 3 > 0 AND h1 % 4 > 0 THEN (t.at_us // 1000) * 1024 + h3 % 1024 END AS session, NULL::BOOLEAN AS limited,
       NULL::VARCHAR AS campaign, NULL::BIGINT AS k, NULL::VARCHAR AS says, NULL::VARCHAR AS note,
       'lte' AS technology, '23001' AS sim_mccmnc, '23001' AS net_mccmnc, NULL::BOOLEAN AS located, 'lte' AS radio, '23001' AS operator,
       1000 + t.place % 400 AS area, 100000000 + t.place * 7919 AS cell, t.place % 504 AS pci, 1300 + t.place % 5 * 150 AS channel, t.place % 5 + 1 AS band,
       -70 - t.place % 30 - h1 % 20 AS rsrp_dbm, -80 - h2 % 120 AS rsrq_ddb, 250 - h3 % 260 AS sinr_ddb, NULL::VARCHAR AS signals
FROM (SELECT *, (5000000 + line * 37 % 60000000 + h2 % 10000000) // CASE WHEN at_us // 3600000000 % 24 BETWEEN 18 AND 21 THEN 4 ELSE 1 END AS rate_bps,
             2000000 + h1 % 8000000 AS dur_us, (line * 3 + h1 // 7 % 3) * 104729 % 15000 AS place
      FROM (SELECT i, 1 + (hash(i // 3) % {lines})::BIGINT AS line, {start_us} + i // 3 * {step_us} + i % 3 * 15000000 AS at_us,
                   (hash(i // 3 + 900000000000) % 1000)::BIGINT AS bad, (hash(i + 1000000000000) % 1000000007)::BIGINT AS h1,
                   (hash(i + 2000000000000) % 1000000007)::BIGINT AS h2, (hash(i + 3000000000000) % 1000000007)::BIGINT AS h3
            FROM (SELECT range AS i FROM range({first}, {end})))) t
