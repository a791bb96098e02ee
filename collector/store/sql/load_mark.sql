-- a row is one load: from now on these entries are here
INSERT INTO loaded VALUES ($stream, $no, $entries)
