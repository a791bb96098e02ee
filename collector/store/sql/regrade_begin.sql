-- a row will be the new grade of one record
CREATE OR REPLACE TEMP TABLE regraded (device BIGINT, received_us BIGINT, stream BIGINT, entry_no BIGINT, seq BIGINT, grade VARCHAR, grade_reason VARCHAR, session BIGINT, limited BOOLEAN)
