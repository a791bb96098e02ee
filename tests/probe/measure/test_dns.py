"""The lookups over a simulated link: loss, duplicates, forgeries, delays; and what becomes of them in the record."""

import heapq
from collections.abc import Callable, Sequence

import pytest
from fakes.resolver import ADDRESS, SAME_NAME, A, faulty, good, reply
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.dns import CHANCE_BYTES, MOST_NAMES, PLANS, STANDARD, DnsPlan, Lookups, resolvers_in, rounds_of
from probe.measure.dns_lookup import Lookup, Question, is_bogon, is_local
from probe.measure.dns_message import DATAGRAM_BYTES, Found
from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage
from shared.record import read_record, write_record

PATIENCE_US = 5_000_000
IDS = (0x1234, 0x5678)
REFUSED = Trouble(Failure.CONNECTION_REFUSED, Stage.DNS)

Resolver = Callable[[int, bytes], Sequence[tuple[int, bytes]]]  # number of the datagram, query → delays and answers


def asked(name: str = "www.example.net") -> Question:
    """Make a question that has begun at zero."""
    question = Question(name, PATIENCE_US, ids=IDS)
    question.start(0)
    return question


def run(question: Question, resolver: Resolver) -> int:
    """Put a question over a simulated link, TCP included; give the time at which it was over."""
    now_us, number = 0, 0
    in_the_air: list[tuple[int, int, bytes, bool]] = []
    while (wake_us := question.next_wakeup(now_us)) is not None:
        packet = question.to_send(now_us)
        streams = question.by_stream and not any(stream for *_, stream in in_the_air)
        if packet is not None or streams:
            for delay_us, answer in resolver(number, packet or question.packet):
                heapq.heappush(in_the_air, (now_us + delay_us, len(in_the_air), answer, streams))
            number += 1
            if packet is not None:
                continue
        now_us = max(now_us, min(wake_us, in_the_air[0][0] if in_the_air else wake_us))
        while in_the_air and in_the_air[0][0] <= now_us:
            arrived_us, _, answer, stream = heapq.heappop(in_the_air)
            question.receive(answer, arrived_us, stream=stream)
    return now_us


def failure_of(lookup: Lookup) -> str:
    """Name the failure, or nothing."""
    return lookup.trouble.failure.value if lookup.trouble else ""


def test_no_answer_at_all() -> None:
    """A resolver that never answers is asked twice, and is a timeout at the end of patience."""
    question = asked()
    assert run(question, lambda _number, _query: ()) == PATIENCE_US
    assert (failure_of(question), question.tries, question.found.addresses) == ("generic_timeout_error", 2, ())


def test_a_good_answer() -> None:
    """An answer gives its addresses, its time and its TTL."""
    question = asked()
    assert run(question, lambda _number, query: [(20_000, good(query))]) == 20_000
    assert (failure_of(question), question.end_us, question.tries) == ("", 20_000, 1)
    assert question.found == Found(("192.0.2.7",), 300)


@pytest.mark.parametrize(
    ("fault", "failure", "after_us"),
    [
        ("nxdomain", "dns_nxdomain_error", 1000),
        ("servfail", "dns_servfail_error", 1000),
        ("refused", "dns_refused_error", 1000),
        ("bare error", "dns_refused_error", 1000),
        ("notimp", "dns_server_misbehaving", 1000),
        ("no answer", "dns_no_answer", 2000),
        ("bogon", "dns_bogon_error", 1000),
        ("garbage", "dns_server_misbehaving", PATIENCE_US),
        ("another name", "dns_server_misbehaving", PATIENCE_US),
        ("the question itself", "dns_server_misbehaving", PATIENCE_US),
        ("wrong id", "dns_reply_with_wrong_query_id", PATIENCE_US),
        ("truncate", "dns_server_misbehaving", 2000),
    ],
)
def test_each_fault_has_its_name(fault: str, failure: str, after_us: int) -> None:
    """What the resolver says ends the lookup at once; what anybody may have said is waited past."""
    question = asked()
    assert run(question, lambda _number, query: [(1000, one) for one in faulty(query, fault)]) == after_us
    assert failure_of(question) == failure


def test_a_forged_answer_does_not_count() -> None:
    """Before the right answer comes, wrong numbers and garbage change nothing."""
    question = asked()
    run(question, lambda _number, query: [(1000 + at, one) for at, one in enumerate(faulty(query, "forged first"))])
    assert question.found.addresses == ("192.0.2.7",)


def test_the_second_datagram_goes_after_half_the_patience() -> None:
    """A lost question is asked again after half the patience, in the very same words."""
    question, sent = asked(), []

    def lossy(number: int, query: bytes) -> Sequence[tuple[int, bytes]]:
        sent.append(query)
        return [(30_000, good(query))] if number == 1 else ()

    assert run(question, lossy) == PATIENCE_US // 2 + 30_000
    assert sent[0] == sent[1]
    assert question.tries == 2


def test_a_late_answer_to_the_first_question_counts() -> None:
    """An answer that comes after the second question was sent is an answer still."""
    question = asked()
    assert run(question, lambda number, query: [(3_000_000, good(query))] if number == 0 else ()) == 3_000_000
    assert failure_of(question) == ""


def test_an_answer_after_patience_is_none() -> None:
    """Patience that has ended stays ended."""
    question = asked()
    packet = question.to_send(0)
    assert packet is not None
    question.receive(good(packet), PATIENCE_US)
    assert question.next_wakeup(PATIENCE_US) is None
    question.receive(good(packet), PATIENCE_US + 1)
    assert failure_of(question) == "generic_timeout_error"


def test_a_name_with_only_the_longer_address() -> None:
    """Where there is no A, AAAA is asked for within the same patience."""
    question = asked()
    run(question, lambda _number, query: [(1000, one) for one in faulty(query, "only v6")])
    assert (question.found.addresses, question.end_us, question.tries) == (("2001:db8::7",), 2000, 2)


def test_a_truncated_answer_is_fetched_by_stream() -> None:
    """After a truncated answer no datagram is sent, and the stream's answer counts."""
    question = asked()
    run(question, lambda number, query: [(1000, reply(query, truncated=True) if number == 0 else good(query))])
    assert (failure_of(question), question.end_us, question.tries) == ("", 2000, 2)


def test_a_second_copy_of_a_truncated_answer_changes_nothing() -> None:
    """Truncation is taken once, and a whole answer by datagram counts even then."""
    question = asked()
    packet = question.to_send(0)
    assert packet is not None
    for now_us in (1000, 2000):
        question.receive(reply(packet, truncated=True), now_us)
    assert (question.by_stream, question.tries, question.to_send(PATIENCE_US // 2)) == (True, 2, None)
    question.receive(good(packet), 3000)
    assert question.found.addresses == ("192.0.2.7",)


def test_an_answer_before_the_question_is_none() -> None:
    """What comes before anything was asked cannot be an answer."""
    question = asked()
    question.receive(good(question.packet), 10)
    assert not question.over


def test_a_refusal_ends_the_lookup() -> None:
    """A port that refuses is named at once, and what comes later changes nothing."""
    question = asked()
    packet = question.to_send(0)
    question.failed(REFUSED, 100)
    question.failed(Trouble(Failure.UNKNOWN, Stage.DNS), 200)
    question.receive(good(packet or b""), 300)
    question.answered(Found(("192.0.2.7",), 1), 400)
    assert (failure_of(question), question.end_us, question.found.addresses) == ("connection_refused", 100, ())
    assert question.to_send(500) is None


DATAGRAMS = st.lists(
    st.tuples(
        st.integers(0, PATIENCE_US * 3 // 2),
        st.sampled_from(["", "wrong id", "garbage", "another name", "truncate", "only v6", "servfail"])
        | st.binary(max_size=40),
    ),
    max_size=4,
)


@given(st.lists(DATAGRAMS, max_size=6))
def test_any_link_has_an_outcome(link: list[list[tuple[int, str | bytes]]]) -> None:
    """With any loss, delay, copies and forgeries it ends within patience, and an address is one that was sent for it."""
    question = asked()

    def resolver(number: int, query: bytes) -> list[tuple[int, bytes]]:
        answers = link[number] if number < len(link) else []
        return [
            (delay_us, one)
            for delay_us, said in answers
            for one in ([said] if isinstance(said, bytes) else faulty(query, said))
        ]

    assert run(question, resolver) <= PATIENCE_US
    assert question.over
    assert (question.trouble is None) == bool(question.found.addresses)
    assert set(question.found.addresses) <= {"192.0.2.7", "2001:db8::7"}
    assert question.tries <= 6


@pytest.mark.parametrize(
    ("address", "bogon"),
    [
        ("0.0.0.0", True),
        ("10.1.2.3", True),
        ("100.64.0.1", True),
        ("127.0.0.53", True),
        ("169.254.1.1", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.8.1", True),
        ("192.169.0.1", False),
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("1.1.1.1", False),
        ("::", True),
        ("::1", True),
        ("fd00::1", True),
        ("fe80::1%2", True),
        ("ff02::1", True),
        ("64:ff9b::102:304", False),
        ("2a00::1", False),
    ],
)
def test_bogons(address: str, *, bogon: bool) -> None:
    """Private, loopback, link-local, unspecified and multicast addresses are no public name's; a NAT64 address may be."""
    assert is_bogon(address) == bogon


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("localhost", True),
        ("router", True),
        ("printer.local", True),
        ("nas.home.arpa", True),
        ("peer.operator.example", True),
        ("operator.example", True),
        ("myoperator.example", False),
        ("local.example", False),
        ("www.example.net", False),
    ],
)
def test_local_names(name: str, *, local: bool) -> None:
    """A name is local by its form, or because it is, or is below, one that is set."""
    assert is_local(name, ("operator.example",)) == local


def test_a_local_name_may_have_a_private_address() -> None:
    """What would be a bogon elsewhere is an address for a local name."""
    for local, failure in ((True, ""), (False, "dns_bogon_error")):
        lookup = Lookup("peer.example", PATIENCE_US, local=local)
        lookup.start(0)
        lookup.answered(Found(("192.0.2.7", "10.0.0.1"), 5), 10)
        assert failure_of(lookup) == failure
        assert len(lookup.found.addresses) == 2
        assert lookup.found.addresses[0] == ("192.0.2.7" if local else "10.0.0.1")


def test_the_systems_lookup_has_patience() -> None:
    """A system that does not answer is a timeout; one that answers with nothing has no answer."""
    silent, empty = Lookup("a.example", PATIENCE_US), Lookup("a.example", PATIENCE_US)
    for lookup in (silent, empty):
        lookup.start(0)
    assert silent.next_wakeup(0) == PATIENCE_US
    assert silent.next_wakeup(PATIENCE_US) is None
    empty.answered(Found((), -1), 5)
    assert (failure_of(silent), failure_of(empty)) == ("generic_timeout_error", "dns_no_answer")


def measurement(names: Sequence[str], *, direct: bool = True) -> Lookups:
    """Make lookups of names that begin at 1000."""
    rounds = rounds_of(STANDARD, names, (), bytes(range(CHANCE_BYTES * len(names))), direct=direct)
    core = Lookups(STANDARD, rounds, "192.0.2.53:53" if direct else "", "10.0.0.1")
    core.start(1000)
    return core


def test_the_record_of_lookups() -> None:
    """Each lookup has the same place in every list, a failed one -1 for its time, and one success is enough."""
    core = measurement(("a.example", "b.example"))
    (first, asked_first), (second, asked_second) = core.rounds
    assert isinstance(asked_first, Question)
    assert isinstance(asked_second, Question)
    assert (asked_first.ids, asked_second.ids) == ((0x0001, 0x0203), (0x0405, 0x0607))
    core.begin(core.rounds[0], 2000)
    assert core.next_wakeup(2000) == 2000
    first.answered(Found(("192.0.2.1", "192.0.2.2"), -1), 5000)
    asked_first.receive(good(asked_first.to_send(2000) or b""), 9000)
    assert core.next_wakeup(9000) == 9000
    assert core.progress(9000).expected_us == 16_000
    core.begin(core.rounds[1], 9000)
    assert asked_second.to_send(9000)
    assert core.next_wakeup(9000) == 9000 + PATIENCE_US // 2
    second.failed(Trouble(Failure.DNS_TEMPORARY, Stage.DNS), 10_000)
    asked_second.failed(Trouble(Failure.CONNECTION_REFUSED, Stage.DNS), 11_000)
    assert core.next_wakeup(11_000) is None
    outcome = core.result()
    assert outcome.end == "ok"
    assert dict(outcome.members) == {
        "plan": "standard",
        "ver": 1,
        "patience_us": PATIENCE_US,
        "dur_us": 10_000,
        "names": "a.example,a.example,b.example,b.example",
        "via": "system,direct,system,direct",
        "failures": ",,dns_temporary_failure,connection_refused",
        "lookup_us": [3000, 7000, -1, -1],
        "answers": [2, 1, 0, 0],
        "addresses": "192.0.2.1,192.0.2.7,,",
        "ttl_s": [-1, 300, -1, -1],
        "tries": [-1, 1, -1, 1],
        "resolver": "192.0.2.53:53",
        "system_resolvers": "10.0.0.1",
    }
    line = write_record({"seq": 1, **outcome.members})  # type: ignore[dict-item]
    assert read_record(line.rstrip(b"\n")).integers("lookup_us") == (3000, 7000, -1, -1)


def test_when_every_lookup_fails_the_commonest_failure_is_the_one() -> None:
    """The measurement failed only if nothing was found, and is called what happened most."""
    core = measurement(("a.example", "b.example", "c.example"), direct=False)
    failures = (Failure.DNS_SERVFAIL, Failure.TIMEOUT, Failure.TIMEOUT)
    for lookups, failure in zip(core.rounds, failures, strict=True):
        core.begin(lookups, 1000)
        for lookup in lookups:
            lookup.failed(Trouble(failure, Stage.DNS), 2000)
    outcome = core.result()
    assert (outcome.end, outcome.members["failure"], outcome.members["stage"]) == (
        "failed",
        "generic_timeout_error",
        "dns",
    )
    assert "resolver" not in outcome.members


def test_the_worst_line_ends_in_time() -> None:
    """With no answer to anything, the lookups are over after each name's patience, one after the other."""
    core = measurement([f"n{number}.example" for number in range(MOST_NAMES)])
    now_us = 1000
    for lookups in core.rounds:
        core.begin(lookups, now_us)
        while any(not one.over for one in lookups):
            for one in lookups:
                if isinstance(one, Question):
                    one.to_send(now_us)
            now_us = core.next_wakeup(now_us) or now_us
    assert now_us == 1000 + MOST_NAMES * PATIENCE_US
    assert core.next_wakeup(now_us) is None
    assert core.result().end == "failed"


def test_a_name_that_is_local_by_its_form_is_the_systems_alone() -> None:
    """Nobody's resolver is asked for localhost or for a name without a dot; for a name that is set as local it is."""
    rounds = rounds_of(STANDARD, ("localhost", "nas", "peer.example"), ("peer.example",), bytes(99), direct=True)
    assert [[one.via for one in lookups] for lookups in rounds] == [["system"], ["system"], ["system", "direct"]]
    assert all(one.local for lookups in rounds for one in lookups)


def test_what_the_system_would_ask() -> None:
    """The addresses of the nameserver lines are listed, and whatever else stands there is not."""
    text = "# nameserver 1.1.1.1\nsearch example\nnameserver 10.0.0.1\n nameserver  fe80::1%eth0 # x\nnameserver\nnameserver é\n"
    assert resolvers_in(text) == "10.0.0.1,fe80::1%eth0"
    assert resolvers_in("") == ""


def test_the_cost_covers_the_longest_question() -> None:
    """The stated cost holds for the longest name, and for the most names that may be asked."""
    question = asked(".".join(["a" * 63] * 3 + ["a" * 61]))
    assert len(question.packet) <= 288
    assert PLANS["standard"].cost_bytes > MOST_NAMES * 2 * 2 * (len(question.packet) + DATAGRAM_BYTES)
    assert DnsPlan("x", 1).cost_bytes == STANDARD.cost_bytes < 300_000


def test_a_second_answer_to_an_answered_question_is_nobodys_fault() -> None:
    """A copy of the answer that had no A, coming while AAAA is waited for, makes no wrong number of the timeout."""
    question = asked()
    run(question, lambda number, query: [(1000, reply(query)), (9000, reply(query))] if number == 0 else ())
    assert failure_of(question) == "generic_timeout_error"


def test_an_address_of_a_kind_that_was_not_asked_for_is_none() -> None:
    """An A record in the answer to AAAA is passed over."""
    question = asked()
    run(
        question,
        lambda _number, query: [(5, reply(query, [(SAME_NAME, A, 1, ADDRESS)] if query[:2] != b"\x12\x34" else []))],
    )
    assert failure_of(question) == "dns_no_answer"
