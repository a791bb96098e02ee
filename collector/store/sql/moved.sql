-- a row is one measurement that is part of a run now
DELETE FROM hot
