"""The rules in an evidence file, and the verdicts by them: those that were signed are those that are shown."""

import hashlib
from collections.abc import Mapping

from collector.evidence.casefile import CASE, read_case
from shared.errors import Malformed
from shared.statement import Statement

_SIGNED = ("criterion", "criterion_sha256", "provenance", "verdict", "version")  # what the signature says of each


def rules_in(files: Mapping[str, bytes], signed: Statement | None) -> str:
    """The signed verdicts in words; raises Malformed naming the file if a rule is another, or the case shows other verdicts."""
    verdicts = signed.predicate.get("verdicts") if signed else None
    if not isinstance(verdicts, list):
        raise Malformed("the signed verdict names no rule")
    for verdict in verdicts:
        match verdict:
            case {"criterion": str(name), "criterion_sha256": str(digest)}:
                file = f"criteria/{name}.toml"
                if file not in files:
                    raise Malformed(f"{file}: not there")
                if hashlib.sha256(files[file]).hexdigest() != digest:
                    raise Malformed(f"{file}: not the rule the verdict names")
            case _:
                raise Malformed("a verdict without its rule")
    if verdicts != _shown(files):
        raise Malformed(f"{CASE}: the verdicts shown are not the ones that were signed")
    return "; ".join(
        f"{verdict['criterion']} ({verdict.get('provenance')}): {verdict.get('verdict')}"
        for verdict in verdicts
        if isinstance(verdict, dict)
    )


def _shown(files: Mapping[str, bytes]) -> list[object]:
    """The verdicts in the case, as far as the signature speaks of them."""
    try:
        told = read_case(files[CASE])["verdicts"]
        if not isinstance(told, list):
            raise Malformed("no list")
        return [{name: verdict[name] for name in _SIGNED} for verdict in told]
    except (Malformed, KeyError, TypeError) as error:
        raise Malformed(f"{CASE}: no verdicts that can be read") from error
