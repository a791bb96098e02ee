"""The criteria a collector judges by: those shipped, and those of a folder its operator names."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from collector.errors import BadRequest
from collector.judge.criterion import Criterion, builtin, load_folder
from collector.judge.errors import CriterionError
from shared.criteria.files import shipped
from shared.criteria.unsupported import why_unsupported


def load_criteria(folder: Path | None) -> Mapping[str, Criterion]:
    """All criteria by id; raises BadRequest naming the file and the place that cannot be understood."""
    if folder is None:
        return builtin()
    try:
        texts = {path.name: path.read_bytes() for path in sorted(folder.glob("*.toml"))}
    except OSError as error:
        raise BadRequest(f"the folder of criteria cannot be read: {error}") from error
    if not texts:
        raise BadRequest(f"there is no criterion (*.toml) in {folder}")
    try:
        return load_folder(texts)
    except CriterionError as error:
        raise BadRequest(f"criterion {error}") from error


def unknown_criterion(name: object, known: Iterable[str]) -> str:
    """What to say of an id that is none of these: which there are, or why there is none although the regime is known."""
    why = why_unsupported(str(name))
    return f"unknown criterion {name!r}; known are {', '.join(sorted(known))}" if why is None else f"criterion {why}"


def criterion_file(folder: Path | None, criterion: Criterion) -> bytes:
    """The bytes of the file this criterion was read from; raises BadRequest if it is no longer that file."""
    own = (file.read_bytes() for file in (folder.glob("*.toml") if folder else ()))
    for data in (*shipped().values(), *own):
        if hashlib.sha256(data).hexdigest() == criterion.sha256:
            return data
    raise BadRequest(f"the file of criterion {criterion.id} was changed while the collector was running")
