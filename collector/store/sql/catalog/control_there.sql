-- the row is whether collectors share their chains here
SELECT to_regclass('speedproof.control') IS NOT NULL
