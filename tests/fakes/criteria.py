"""Criteria that are not shipped, in the language of those that are: small ones for one row each, and two of regulators."""

HEAD = """
id = "made-up"
version = "1"
title = "made up"
jurisdiction = "none"
status = "draft"
grade = "ours"
outcome = "none"
limits = ["only for tests"]
basis = { down = {}, up = {} }
"""
COUNT = '[[completeness]]\nname = "count"\nprimitive = "count"\ncounted = { op = "%s", n = %d }\n'
SPAN = '[[completeness]]\nname = "span"\nprimitive = "spacing"\nspan_s = { op = "%s", n = %d }\n'
GAP = '[[completeness]]\nname = "gap%s"\nprimitive = "spacing"\ngap_s = { op = "%s", n = %d }\nwithin = "%s"\n%s'
DAYS = '[[completeness]]\nname = "days%s"\nprimitive = "days"\n%s\n'
SLOTS = '[[completeness]]\nname = "slots"\nprimitive = "slots"\nfrom_hour = %d\nto_hour = %d\ndates = %d\n'
HOURS = '[[validity]]\nname = "hours"\npredicate = "hours"\nfrom_hour = %d\nto_hour = %d\notherwise = "leave_out"\n'
HOURS_OF_DAY = '[[completeness]]\nname = "hours"\nprimitive = "hours_of_day"\nfrom_hour = %d\nto_hour = %d\n'
FIRST_OF_HOUR = '[[validity]]\nname = "first"\npredicate = "first_of_hour"\notherwise = "leave_out"\n'

AT_RTR = HEAD + DAYS % ("", 'dates = { op = ">=", n = 3 }\ndates_with = { op = ">=", n = 8 }')
AT_RTR += GAP % ("", ">=", 900, "date", "") + DAYS % (2, 'window_days = { op = "<=", n = 14 }')
DE_MOBILE = HEAD + COUNT % ("==", 30) + DAYS % ("", 'dates = { op = "==", n = 5 }\nper_date = { op = "==", n = 6 }')
EVERY_HOUR = HEAD + COUNT % (">=", 24) + SLOTS % (0, 24, 1)


def rule(*rows: str) -> bytes:
    """A made-up criterion of these rows."""
    return (HEAD + "".join(rows)).encode()
