-- What the other end of a transfer says of it. `grade`: counter_signed or one_sided, `grade_reason`: why it is one_sided,
-- `session`: the peer's session that this record bears the genuine statement of; all three are none for anything else.
ALTER TABLE record ADD COLUMN grade VARCHAR;
ALTER TABLE record ADD COLUMN grade_reason VARCHAR;
ALTER TABLE record ADD COLUMN session VARCHAR;

-- one row: by which rules and trusting which peers the records were graded; if that changes, all are graded anew
CREATE TABLE graded_by (basis VARCHAR NOT NULL);
INSERT INTO graded_by VALUES ('nothing');
