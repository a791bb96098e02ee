"""A rule with a sample plan short enough for a test, in the form of a criterion file."""

SHORT = """
id = "short"
version = "1"
title = "three in any time"
jurisdiction = "none"
status = "draft"
grade = "ours"
outcome = "none"
limits = ["only for tests"]
basis = { down = { needs = ["min_bps"] } }

[[completeness]]
name = "count"
primitive = "count"
counted = { op = ">=", n = 3 }

[[completeness]]
name = "spacing"
primitive = "spacing"
gap_s = { op = ">=", n = 1 }
within = "set"

[[deviation]]
name = "slow"
primitive = "share"
limit = { op = "<", percent = 80, of = "min_bps" }
share_percent = { op = ">=", n = 50 }
"""

# Appended to a rule: a test that something else disturbed does not count.
UNDISTURBED = """
[[validity]]
name = "flaw"
predicate = "no_flaw"
flaws = ["cross_traffic"]
otherwise = "leave_out"
"""
