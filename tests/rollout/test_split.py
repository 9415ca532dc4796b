"""Who gets which arm: by a hash, always the same, growing shares move sessions one way only."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from assay.contracts.stage import AgentRef
from assay.contracts.traffic import Traffic, Upstream
from assay.rollout.conversations import conversation_id, thread_of
from assay.rollout.health import Health
from assay.rollout.split import arm_of, place, sampled
from assay.rollout.wire import caller_of, passed_on

quick = settings(max_examples=80, deadline=None)
sessions = st.text(min_size=1, max_size=40)


def traffic(share: float, **changes) -> Traffic:
    one, other = (Upstream(agent=AgentRef(agent_id="a", version=v), url="http://h") for v in ("1", "2"))
    return Traffic(rollout_id="rollout-1", champion=one, challenger=other, share=share, **changes)


@quick
@given(sessions, st.floats(0, 1), st.floats(0, 1))
def test_a_growing_share_moves_sessions_one_way(session, one, other):
    low, high = sorted((one, other))
    if arm_of(session, traffic(low)) == "challenger":
        assert arm_of(session, traffic(high)) == "challenger"
    assert arm_of(session, traffic(0.0)) == "champion" and arm_of(session, traffic(1.0)) == "challenger"


@quick
@given(sessions)
def test_the_place_is_a_matter_of_session_and_rollout_alone(session):
    assert 0 <= place(session, "r") < 1 and place(session, "r") == place(session, "r")
    agent = AgentRef(agent_id="a", version="1")
    threads = {thread_of("shop", rollout, agent, "production", session) for rollout in ("r", "other")}
    assert len(threads) == 2 and all(len(conversation_id(thread, 0)) == 32 for thread in threads)


def test_the_split_is_within_binomial_bounds_and_rollouts_are_independent():
    names = [f"user-{n}" for n in range(20_000)]
    for share in (0.05, 0.25, 0.5):
        found = sum(arm_of(name, traffic(share)) == "challenger" for name in names)
        assert binomtest(found, len(names), share).pvalue > 1e-4
    both = Counter((place(name, "one") < 0.5, place(name, "two") < 0.5) for name in names)
    assert all(abs(count / len(names) - 0.25) < 0.02 for count in both.values())
    recorded = [name for name in names if sampled(name, traffic(0.5, sample_share=0.2))]
    assert binomtest(len(recorded), len(names), 0.2).pvalue > 1e-4
    assert abs(sum(arm_of(n, traffic(0.5)) == "challenger" for n in recorded) / len(recorded) - 0.5) < 0.03


def test_who_asks_is_told_by_header_body_or_cookie():
    assert caller_of([(b"x-session-id", b"s1")], {"user": "u"}, None).session == "s1"
    assert caller_of([], {"user": "u", "metadata": {"session_id": "m"}}, None).session == "m"
    assert caller_of([], {"user": "u"}, None).session == "u"
    assert caller_of([(b"cookie", b"a=b; assay_gateway_session=c1")], None, None).session == "c1"
    assert caller_of([(b"cookie", b"assay_session=secret")], None, None).new_cookie
    fresh = caller_of([], None, None)
    assert fresh.new_cookie and len(fresh.session) == 32


def test_an_arm_is_forced_by_testers_alone():
    asked = [(b"x-session-id", b"s"), (b"x-assay-arm", b"challenger")]
    assert caller_of(asked, None, None).forced is None
    assert caller_of([*asked, (b"x-assay-token", b"wrong")], None, "right").forced is None
    assert caller_of([*asked, (b"x-assay-token", b"right")], None, "right").forced == "challenger"


def test_what_is_of_one_connection_is_not_passed_on():
    headers = [
        (b"host", b"h"),
        (b"connection", b"close, x-mine"),
        (b"x-mine", b"1"),
        (b"transfer-encoding", b"chunked"),
        (b"authorization", b"Bearer k"),
        (b"x-assay-token", b"t"),
        (b"x-session-id", b"s"),
    ]
    assert passed_on(headers) == [("authorization", "Bearer k")]


def test_an_arm_that_fails_is_left_alone_and_tried_again():
    health = Health(rest_s=5.0)
    for second in range(4):
        health.tell(False, second)
    assert health.open(4) and not health.ejected  # four answers are too few to say
    health.tell(False, 4)
    assert health.ejected and not health.open(8)
    assert health.open(9.5) and not health.open(9.5)  # one request tries it, others wait for how that ends
    health.tell(False, 10)
    assert not health.open(19) and health.open(20.5)  # twice as long
    health.tell(True, 21)
    assert health.open(21) and not health.ejected and health.ejections == 2


def test_now_and_then_a_failure_ejects_nobody():
    health = Health()
    for n in range(200):
        health.tell(n % 3 != 0, n)
    assert not health.ejected
