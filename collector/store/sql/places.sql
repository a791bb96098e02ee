-- a row is where one ledger entry of some kinds about a subscriber's devices stands
SELECT e.kind, e.segment, e."offset" FROM entry e
WHERE e.no IN (SELECT entry_no FROM batch WHERE dev IN (SELECT dev FROM device WHERE subscriber = $subscriber)
               UNION ALL SELECT entry_no FROM device WHERE subscriber = $subscriber
               UNION ALL SELECT entry_no FROM complaint WHERE subscriber = $subscriber
               UNION ALL SELECT entry_no FROM refused WHERE dev IN (SELECT dev FROM device WHERE subscriber = $subscriber)
               UNION ALL SELECT entry_no FROM record WHERE subscriber = $subscriber AND provenance = 'imported')
ORDER BY e.no
