-- a row will be one batch whose records are removed, by its entry
CREATE OR REPLACE TEMP TABLE forgotten (entry_no BIGINT)
