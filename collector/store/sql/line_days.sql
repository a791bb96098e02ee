-- a row is how a line's measurements of one day (UTC), provenance, method and direction ended, and their figures
SELECT "day", provenance, method, direction, sum(n)::BIGINT AS n, sum(ok)::BIGINT AS ok, coalesce(sum(failed), 0)::BIGINT AS failed,
       coalesce(sum(not_started), 0)::BIGINT AS not_started, coalesce(sum(aborted), 0)::BIGINT AS aborted, coalesce(sum(flawed), 0)::BIGINT AS flawed,
       coalesce(sum(rate_n), 0)::BIGINT AS rate_n, sum(rate_sum) AS rate_sum, min(coalesce(rate_min, rate_sum)) AS rate_min, max(coalesce(rate_max, rate_sum)) AS rate_max,
       coalesce(sum(rtt_n), 0)::BIGINT AS rtt_n, sum(rtt_sum) AS rtt_sum, min(coalesce(rtt_min, rtt_sum)) AS rtt_min, max(coalesce(rtt_max, rtt_sum)) AS rtt_max,
       sum(bytes) AS bytes
FROM line_day WHERE line = $line AND "day" >= $since_day GROUP BY ALL ORDER BY "day", provenance, method, direction
