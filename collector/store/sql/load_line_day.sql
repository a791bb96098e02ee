-- a row is the figures of a line's removed records of one day, in this load
INSERT INTO cold_line_day BY NAME SELECT line, "day", provenance, method, direction, sum(n)::BIGINT AS n, sum(ok)::BIGINT AS ok, sum(failed)::BIGINT AS failed,
       sum(not_started)::BIGINT AS not_started, sum(aborted)::BIGINT AS aborted, sum(flawed)::BIGINT AS flawed,
       sum(rate_n)::BIGINT AS rate_n, sum(rate_sum)::BIGINT AS rate_sum, min(rate_min) AS rate_min, max(rate_max) AS rate_max,
       sum(rtt_n)::BIGINT AS rtt_n, sum(rtt_sum)::BIGINT AS rtt_sum, min(rtt_min) AS rtt_min, max(rtt_max) AS rtt_max, sum(bytes)::BIGINT AS bytes
FROM read_ndjson($file, columns = {
  "line": 'BIGINT', "day": 'BIGINT', "provenance": 'VARCHAR', "method": 'VARCHAR', "direction": 'VARCHAR',
  "n": 'BIGINT', "ok": 'BIGINT', "failed": 'BIGINT', "not_started": 'BIGINT', "aborted": 'BIGINT', "flawed": 'BIGINT',
  "rate_n": 'BIGINT', "rate_sum": 'BIGINT', "rate_min": 'BIGINT', "rate_max": 'BIGINT',
  "rtt_n": 'BIGINT', "rtt_sum": 'BIGINT', "rtt_min": 'BIGINT', "rtt_max": 'BIGINT', "bytes": 'BIGINT'
}) GROUP BY line, "day", provenance, method, direction
