-- a row is one load, about to be put together with the others of its stream
DELETE FROM loaded
