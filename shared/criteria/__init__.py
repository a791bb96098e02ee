"""What both sides must understand of a criterion alike: its shipped files, its strict table, its completeness rows.

The collector judges by them (`collector.judge`), the probe plans by them (`shared.sampling`): one reader and one meaning,
so that what a probe takes for complete is what the judge takes for complete.
"""
