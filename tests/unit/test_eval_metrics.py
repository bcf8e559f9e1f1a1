"""The figures of `mainstay eval`, against values worked out by hand."""

import pytest

from evals import metrics
from evals.metrics import METRICS, Figure
from evals.result import Kind, Result


def result(kind: Kind, expected: str, got: str, **more: object) -> Result:
    fields = {"id": "x", "kind": kind, "text": "?", "expected": (expected,), "got": (got,), "passed": expected == got}
    return Result.model_validate(fields | more)


def value(figure: Figure | None) -> float:
    assert figure is not None
    return figure.value


def test_recall_counts_the_first_places_and_what_was_not_found() -> None:
    places = [1, 3, 6, None]
    assert value(metrics.recall_at(places, 1)) == 0.25
    assert value(metrics.recall_at(places, 5)) == 0.5


def test_the_mean_reciprocal_rank_counts_what_was_not_found_as_nothing() -> None:
    assert value(metrics.reciprocal_rank([1, 2, 4, None])) == pytest.approx((1 + 0.5 + 0.25) / 4)


def test_macro_f1_weighs_every_class_the_same() -> None:
    # a: precision 1, recall 2/3, F1 0.8. b: precision 1/2, recall 1, F1 2/3. c, never expected, is no class.
    pairs = [("a", "a"), ("a", "a"), ("a", "b"), ("b", "b")]
    assert value(metrics.macro_f1(pairs)) == pytest.approx((0.8 + 2 / 3) / 2)
    assert value(metrics.macro_f1([("a", "c")])) == 0


@pytest.mark.parametrize(
    ("held", "of", "low", "high"), [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (5, 10, 0.237, 0.763)]
)
def test_the_interval_of_a_share_is_wilsons(held: int, of: int, low: float, high: float) -> None:
    assert metrics.wilson(held, of) == pytest.approx((low, high), abs=0.001)


@pytest.mark.parametrize(("better", "worse", "p"), [(0, 0, 1.0), (1, 1, 1.0), (0, 5, 0.0625), (10, 2, 0.0386)])
def test_the_chance_of_an_uneven_split_is_mcnemars(better: int, worse: int, p: float) -> None:
    assert metrics.mcnemar(better, worse) == pytest.approx(p, abs=0.0001)
    assert metrics.mcnemar(worse, better) == pytest.approx(p, abs=0.0001)


def test_a_request_for_a_person_is_caught_as_a_complaint_too() -> None:
    results = [
        result("intent", "human_request", "frustration"),
        result("intent", "human_request", "question"),
        result("decision", "escalate", "escalate", because="person"),
        result("decision", "escalate", "clarify", because="person"),
        result("intent", "question", "human_request"),
    ]
    assert metrics.measure(results)["human_recall"] == metrics.share([True, False, True, False])


def test_a_false_hand_off_is_one_that_was_understood_as_wished_for() -> None:
    results = [
        result("answer", "answer", "escalate", reason="human_request"),
        result("answer", "answer", "escalate", reason="knowledge_gap"),
        result("intent", "question", "frustration"),
        result("decision", "escalate", "escalate", because="person", reason="human_request"),
    ]
    assert metrics.measure(results)["false_handoffs"] == metrics.share([True, False, True])


def test_unanswerable_questions_are_counted_apart_from_other_decisions() -> None:
    results = [
        result("decision", "escalate", "answer", because="unanswerable"),
        result("decision", "escalate", "escalate", because="unanswerable"),
        result("decision", "mute", "answer", because="opt_out"),
    ]
    figures = metrics.measure(results)
    assert value(figures["unanswerable_answered"]) == 0.5
    assert value(figures["decisions_right"]) == pytest.approx(1 / 3)


def test_what_was_not_measured_has_no_figure() -> None:
    assert set(metrics.measure([result("turn", "answer", "answer")])) == {"turns_right"}


def test_thresholds_hold_in_the_direction_of_their_figure() -> None:
    assert METRICS["recall_at_5"].holds(0.9, 0.9)
    assert not METRICS["recall_at_5"].holds(0.89, 0.9)
    assert METRICS["attacks_succeeded"].holds(0.0, 0.0)
    assert not METRICS["attacks_succeeded"].holds(0.01, 0.0)
