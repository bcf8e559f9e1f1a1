"""Who is asked next: for every history of failures, in every order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from activities.routes.policy import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    OPENS_AT,
    PROBE_SECONDS,
    REFUSED_SECONDS,
    Circuit,
    Condition,
    Key,
    choose,
    pause,
    wait,
)

# Few, so that they often coincide, and every order of them is seen.
instants = st.integers(0, 6).map(float)
chances = st.floats(0, 1)
keys = st.builds(Key, cools_until=instants, overloads=st.integers(0, 3), used_at=instants, refused=st.booleans())
circuits = st.builds(Circuit, failures=st.integers(0, OPENS_AT + 1), until=instants, probed_until=instants)
conditions = st.builds(Condition, circuit=circuits, keys=st.lists(keys, min_size=1, max_size=3).map(tuple))
routes = st.lists(conditions, min_size=1, max_size=4)


@given(routes, instants)
def test_nobody_is_asked_whose_circuit_is_open_or_whose_key_cools(route: list[Condition], now: float) -> None:
    found = choose(route, now)
    if found is None:
        return
    place, number = found
    assert route[place].circuit.state(now) != "open"
    assert route[place].keys[number].cools_until <= now


@given(routes, instants)
def test_somebody_is_asked_whenever_somebody_can_be(route: list[Condition], now: float) -> None:
    could = any(condition.free_at(now) <= now for condition in route)
    assert (choose(route, now) is not None) == could


@given(routes, instants)
def test_the_first_in_order_is_asked_unless_it_stands_back(route: list[Condition], now: float) -> None:
    found = choose(route, now)
    if found is None:
        return
    earlier = [each for each in route[: found[0]] if each.free_at(now) <= now]
    assert all(each.circuit.stands_back(now) for each in earlier)
    if route[found[0]].circuit.stands_back(now):
        assert all(each.circuit.stands_back(now) for each in route if each.free_at(now) <= now)


@given(routes, instants)
def test_every_candidate_is_asked_once_and_then_nobody(route: list[Condition], now: float) -> None:
    tried: set[tuple[int, int]] = set()
    while (found := choose(route, now, tried)) is not None:
        assert found not in tried
        tried.add(found)
    able = {
        (place, number)
        for place, condition in enumerate(route)
        if condition.circuit.free_at(now) <= now
        for number, key in enumerate(condition.keys)
        if key.cools_until <= now
    }
    assert tried == able


@given(routes, instants)
def test_after_the_wait_somebody_can_be_asked(route: list[Condition], now: float) -> None:
    seconds = wait(route, now)
    assert seconds >= 0
    # A thousandth, because sums of floats are rounded.
    assert choose(route, now + seconds + 0.001) is not None


@given(st.lists(keys, min_size=2, max_size=4), instants)
def test_keys_take_turns(found: list[Key], now: float) -> None:
    fresh = tuple(replace(key, cools_until=0.0) for key in found)
    used: list[int] = []
    condition = Condition(Circuit(), tuple(replace(key, used_at=0.0) for key in fresh))
    for step in range(len(fresh) * 2):
        chosen = choose([condition], now + step)
        assert chosen is not None
        used.append(chosen[1])
        each = list(condition.keys)
        each[chosen[1]] = each[chosen[1]].begun(now + step + 0.5)
        condition = replace(condition, keys=tuple(each))
    assert sorted(used[: len(fresh)]) == list(range(len(fresh)))
    assert used[: len(fresh)] == used[len(fresh) :]


@given(st.integers(1, 1000), chances)
def test_a_pause_grows_up_to_its_limit_and_differs_by_chance(times: int, chance: float) -> None:
    seconds = pause(times, chance)
    assert FIRST_PAUSE / 2 <= seconds <= LONGEST_PAUSE
    assert pause(times, 0) <= seconds <= pause(times, 1)
    assert pause(times, 0) <= pause(times + 1, 0)


@given(instants, st.lists(chances, min_size=OPENS_AT, max_size=20))
def test_a_circuit_opens_after_failures_in_a_row_and_half_opens_for_one_call(now: float, fails: list[float]) -> None:
    circuit = Circuit()
    for count, chance in enumerate(fails, start=1):
        circuit = circuit.failed(now, chance)
        assert circuit.state(now) == ("open" if count >= OPENS_AT else "closed")
    later = circuit.until
    assert circuit.state(later) == "half_open"
    probing = circuit.begun(later)
    assert probing.free_at(later) > later, "one finds out, the others wait"
    assert probing.free_at(later + PROBE_SECONDS) <= later + PROBE_SECONDS, "a lost probe does not close it for ever"
    assert probing.ended().free_at(later) == later
    assert probing.succeeded() == Circuit()
    assert probing.failed(later, 0).state(later) == "open"


@given(keys, instants, st.one_of(st.none(), st.floats(0, 1_000_000)), chances)
def test_a_key_cools_as_long_as_its_provider_asks(key: Key, now: float, asked: float | None, chance: float) -> None:
    cooling = key.overloaded(now, asked, chance)
    assert cooling.cools_until >= now + (FIRST_PAUSE / 2 if asked is None else asked)
    assert cooling.cools_until >= key.cools_until
    assert cooling.succeeded().cools_until == 0.0


def test_a_refused_key_is_tried_again_later() -> None:
    key = Key().denied(100.0)
    assert key.refused
    assert key.cools_until == 100.0 + REFUSED_SECONDS


def test_who_failed_just_now_is_asked_after_who_did_not() -> None:
    failed = Condition(Circuit().failed(1.0, 0), (Key(),))
    well = Condition(Circuit(), (Key(),))
    assert choose([failed, well], 1.1) == (1, 0)
    assert choose([failed, failed], 1.1) == (0, 0), "and alone it is asked all the same"
    assert choose([failed, well], 100.0) == (0, 0), "until its moment is over"
