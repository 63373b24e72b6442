"""The figures, the advice and the chart that come from the samples."""

import sys
from array import array
from pathlib import Path

import pytest

from lgbm_sm.backends import Consumption
from lgbm_sm.bench.advice import Traffic, advise
from lgbm_sm.bench.figures import Latency, LoadStep, Usage, latency_of, usage_between
from lgbm_sm.bench.plot import draw, plot_format
from lgbm_sm.bench.samples import Failure, Samples
from lgbm_sm.errors import UsageError


def step(concurrency: int, rate: float, p99: float, failures: int = 0, client_cpus: float = 0.1) -> LoadStep:
    return LoadStep(
        concurrency=concurrency,
        good=int(rate * 2),
        failures={"500": Failure(failures, "broken")} if failures else {},
        seconds=2,
        latency=Latency(p99 / 4, p99 / 2, p99, p99 * 2),
        usage=None,
        client_cpus=client_cpus,
        client_waited=0.0,
        warm_up=0,
        is_cut=False,
    )


def test_percentiles_are_times_that_were_seen() -> None:
    times = [number * 1_000_000 for number in range(1, 1001)]
    samples = Samples(array("q", times[::-1]))
    assert latency_of(samples) == Latency(p50=500, p90=900, p99=990, highest=1000)
    assert latency_of(Samples(array("q", [3_000_000]))) == Latency(3, 3, 3, 3)
    assert latency_of(Samples()) is None


def test_usage_is_the_difference_of_two_looks() -> None:
    assert usage_between(Consumption(10, 5, 1), Consumption(14, 11, 2000)) == Usage(1.5, 2000)
    # a worker that ended has taken its count with it
    assert usage_between(Consumption(10, 5, 1), Consumption(14, 4, 2000)) == Usage(0, 2000)
    assert usage_between(None, Consumption(14, 4, 2000)) is None


def test_the_fastest_step_within_the_limit_says_how_many_instances_it_takes() -> None:
    steps = [step(1, 100, 5), step(2, 190, 9), step(4, 350, 20), step(8, 380, 9, failures=1)]
    advice = advise(steps, Traffic(1000, 10), instances=2, instance="ml.m5.large")
    assert advice.step is steps[1]
    assert (advice.requests_per_second_per_instance, advice.instances) == (95, 11)
    assert "1,000 requests/s need 11 x ml.m5.large" in advice.sentences[1]
    assert "spread evenly" in advice.sentences[1]


def test_the_advice_names_the_nearest_when_no_step_is_within_the_limit() -> None:
    advice = advise([step(1, 100, 5), step(2, 190, 9)], Traffic(1000, 1), instances=1, instance="x")
    assert (advice.step, advice.instances) == (None, None)
    assert advice.sentences == ("No step has p99 within 1 ms and no errors: the lowest p99 was 5 ms.",)
    broken = advise([step(1, 100, 5, failures=3)], Traffic(None, 10), instances=1, instance="x")
    assert "every step had errors" in broken.sentences[0]


def test_a_figure_that_measures_the_client_is_not_sold_as_the_servers() -> None:
    limited = step(16, 40_000, 1, client_cpus=0.97)
    assert limited.is_client_limited
    assert not step(16, 40_000, 1, client_cpus=0.5).is_client_limited
    advice = advise([limited], Traffic(None, 10), instances=1, instance="x")
    assert "at least that rate" in advice.sentences[1]


@pytest.mark.parametrize(("name", "begins"), [("plot.png", b"\x89PNG\r\n"), ("plot.SVG", b"<?xml")])
def test_the_suffix_says_what_is_drawn(name: str, begins: bytes) -> None:
    steps = [step(1, 100, 5), step(16, 190, 9, client_cpus=1.0)]
    assert draw(steps, "an endpoint", plot_format(Path(name))).startswith(begins)


def test_what_cannot_be_drawn_is_refused_first() -> None:
    with pytest.raises(UsageError, match=r"the suffix must be \.png or \.svg"):
        plot_format(Path("plot.pdf"))


def test_a_plot_without_matplotlib_is_refused_with_the_extra_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # what the import system does for a package that is not installed
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match="matplotlib is not installed") as refused:
        plot_format(Path("plot.png"))
    assert refused.value.hint == "run `pip install 'lgbm-sm[plots]'`"
