-- What a lake needs besides: a mark that is there from the start, so that any two loads that have not seen each other are in each
-- other's way (collector/store/lake.py); by whom each stream was graded; runs that stay sorted when they are put together.
-- No partitions: times are integers, runs are made in the order of arrival, and what a file holds is known to the catalog.
INSERT INTO loaded VALUES (0, 0, 0);
-- one row for each stream, with the collector (its key) whose ledger it is
CREATE TABLE owner (stream BIGINT NOT NULL, collector VARCHAR NOT NULL);
DELETE FROM graded_by;
ALTER TABLE graded_by ADD COLUMN stream BIGINT;
ALTER TABLE cold SET SORTED BY (line ASC, at_us ASC);
CALL lake.set_option('parquet_compression', 'zstd');
CALL lake.set_option('target_file_size', '128MB');
CALL lake.set_option('parquet_row_group_size', '20000');
