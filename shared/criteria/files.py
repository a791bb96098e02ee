"""The criteria shipped with probe and collector, as the bytes that stand in their files. Reads nothing else."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType


@cache
def shipped() -> Mapping[str, bytes]:
    """The criterion files by name, in the order of their names."""
    files = sorted(resources.files("shared.criteria").iterdir(), key=lambda one: one.name)
    return MappingProxyType({one.name: one.read_bytes() for one in files if one.name.endswith(".toml")})
