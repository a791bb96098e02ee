-- a row is the radio facts of one measurement that has any, with its place in the timeline
SELECT coalesce(r.source, d.dev) AS dev, r.seq, r.technology, r.sim_mccmnc, r.net_mccmnc, r.located, r.radio, r.operator,
       r.area, r.cell, r.pci, r.channel, r.band, r.rsrp_dbm, r.rsrq_ddb, r.sinr_ddb, r.signals
FROM record r LEFT JOIN (SELECT id, dev FROM device WHERE line = $line) d ON d.id = r.device
WHERE r.line = $line AND r.at_us >= $since_us
  AND (r.technology IS NOT NULL OR r.sim_mccmnc IS NOT NULL OR r.net_mccmnc IS NOT NULL OR r.located IS NOT NULL OR r.radio IS NOT NULL)
ORDER BY r.at_us, dev, r.seq
