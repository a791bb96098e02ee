"""Errors to HTTP: one table, RFC 9457 bodies. Every error this side can raise on purpose has its row."""

import secrets
from http import HTTPStatus

from collector import errors as ours
from shared import errors as theirs
from shared.beacon import NotCosigned
from shared.errors import Refused, SpeedproofError
from shared.keys import WrongSignature
from shared.lineage import TwoSuccessors
from shared.note import WrongNote
from shared.timestamp import WrongToken
from shared.tree import WrongProof

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[SpeedproofError], tuple[HTTPStatus, str]] = {
    theirs.TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large"),
    theirs.BadMediaType: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "bad_media_type"),
    theirs.BadFormat: (HTTPStatus.BAD_REQUEST, "bad_format"),
    theirs.UnknownKey: (HTTPStatus.FORBIDDEN, "unknown_key"),
    theirs.RevokedKey: (HTTPStatus.FORBIDDEN, "revoked_key"),
    theirs.FrozenKey: (HTTPStatus.FORBIDDEN, "frozen_key"),
    theirs.BadSignature: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_signature"),
    theirs.BadStatement: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_statement"),
    theirs.BadDigest: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_digest"),
    theirs.BadBeacon: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_beacon"),
    theirs.ChainFork: (HTTPStatus.CONFLICT, "chain_fork"),
    theirs.ChainGap: (HTTPStatus.CONFLICT, "chain_gap"),
    theirs.NoKey: (HTTPStatus.INTERNAL_SERVER_ERROR, "no_key"),
    theirs.NoTool: (HTTPStatus.INTERNAL_SERVER_ERROR, "no_tool"),
    theirs.Malformed: (HTTPStatus.BAD_REQUEST, "bad_format"),
    WrongSignature: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_signature"),
    WrongNote: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_note"),
    NotCosigned: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_note"),
    WrongProof: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_proof"),
    TwoSuccessors: (HTTPStatus.UNPROCESSABLE_ENTITY, "two_successors"),
    WrongToken: (HTTPStatus.UNPROCESSABLE_ENTITY, "bad_token"),
    ours.NotFound: (HTTPStatus.NOT_FOUND, "not_found"),
    ours.Conflict: (HTTPStatus.CONFLICT, "conflict"),
    ours.BadRequest: (HTTPStatus.BAD_REQUEST, "bad_request"),
    ours.CodeRefused: (HTTPStatus.FORBIDDEN, "code_refused"),
    ours.NotAllowed: (HTTPStatus.UNAUTHORIZED, "not_allowed"),
    ours.StorageFull: (HTTPStatus.SERVICE_UNAVAILABLE, "storage_full"),
    ours.LedgerAway: (HTTPStatus.SERVICE_UNAVAILABLE, "ledger_away"),
    ours.Ending: (HTTPStatus.SERVICE_UNAVAILABLE, "ending"),
    ours.CatalogAway: (HTTPStatus.SERVICE_UNAVAILABLE, "catalog_away"),
    ours.Outrun: (HTTPStatus.SERVICE_UNAVAILABLE, "outrun"),
    ours.Misdirected: (HTTPStatus.SERVICE_UNAVAILABLE, "misdirected"),
    ours.DeskAway: (HTTPStatus.SERVICE_UNAVAILABLE, "desk_away"),
    ours.Overloaded: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded"),
    ours.TooSlow: (HTTPStatus.REQUEST_TIMEOUT, "too_slow"),
    ours.HeadTooLarge: (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large"),
    ours.ArchiveAway: (HTTPStatus.SERVICE_UNAVAILABLE, "archive_away"),
    ours.LogForked: (HTTPStatus.INTERNAL_SERVER_ERROR, "log_forked"),
    ours.LedgerDamaged: (HTTPStatus.INTERNAL_SERVER_ERROR, "ledger_damaged"),
    ours.IndexUnusable: (HTTPStatus.SERVICE_UNAVAILABLE, "index_unusable"),
    ours.NotLoaded: (HTTPStatus.SERVICE_UNAVAILABLE, "index_lags"),
    ours.IndexLags: (HTTPStatus.SERVICE_UNAVAILABLE, "index_lags"),
    ours.BadBackup: (HTTPStatus.INTERNAL_SERVER_ERROR, "bad_backup"),
    ours.NoTimeStamp: (HTTPStatus.SERVICE_UNAVAILABLE, "no_time_stamp"),
    ours.Busy: (HTTPStatus.SERVICE_UNAVAILABLE, "busy"),
    ours.AlreadyRunning: (HTTPStatus.INTERNAL_SERVER_ERROR, "already_running"),
}
RETRY_AFTER_S = 30  # at the earliest, and within the same again: drawn, so that not all come back at once


def status_of(error: SpeedproofError) -> tuple[HTTPStatus, str]:
    """The status and the published name of an error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected"


def problem(error: SpeedproofError) -> tuple[int, dict[str, str], dict[str, object]]:
    """Status, headers and body of the answer to an error."""
    status, name = status_of(error)
    body: dict[str, object] = {"type": "about:blank", "title": status.phrase, "status": status.value, "error": name}
    if isinstance(error, Refused):
        body |= {"detail": error.detail, "step": error.step}
        if error.expected:
            body |= {
                "expect_batch": error.expected.batch,
                "expect_seq": error.expected.seq,
                "head": error.expected.head,
            }
    else:
        body["detail"] = str(error)
    headers = {"Content-Type": MEDIA_TYPE}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S + secrets.randbelow(RETRY_AFTER_S + 1))
    return status.value, headers, body
