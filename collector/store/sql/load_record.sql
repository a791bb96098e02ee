-- a row is one measurement
INSERT INTO hot BY NAME SELECT * FROM read_ndjson($file, columns = {
  "line": 'BIGINT', "provenance": 'VARCHAR', "stream": 'BIGINT', "entry_no": 'BIGINT', "seq": 'BIGINT',
  "at_us": 'BIGINT', "received_us": 'BIGINT', "method": 'VARCHAR', "end": 'VARCHAR', "device": 'BIGINT',
  "source": 'VARCHAR', "slot": 'BIGINT', "direction": 'VARCHAR', "rate_bps": 'BIGINT', "rtt_us": 'BIGINT',
  "loss_pm": 'BIGINT', "received_bytes": 'BIGINT', "dur_us": 'BIGINT', "failure": 'VARCHAR', "stage": 'VARCHAR',
  "reason": 'VARCHAR', "flaws": 'VARCHAR', "network_type": 'VARCHAR', "grade": 'VARCHAR', "grade_reason": 'VARCHAR',
  "session": 'BIGINT', "limited": 'BOOLEAN', "campaign": 'VARCHAR', "k": 'BIGINT', "says": 'VARCHAR', "note": 'VARCHAR',
  "technology": 'VARCHAR', "sim_mccmnc": 'VARCHAR', "net_mccmnc": 'VARCHAR', "located": 'BOOLEAN', "radio": 'VARCHAR',
  "operator": 'VARCHAR', "area": 'BIGINT', "cell": 'BIGINT', "pci": 'BIGINT', "channel": 'BIGINT', "band": 'BIGINT',
  "rsrp_dbm": 'BIGINT', "rsrq_ddb": 'BIGINT', "sinr_ddb": 'BIGINT', "signals": 'VARCHAR', "skew_us": 'BIGINT'
})
