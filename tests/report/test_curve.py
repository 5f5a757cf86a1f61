import pytest
from curves import latency, make_curve, make_point

from sqlkiln.core.records import Tokens
from sqlkiln.report.curve import compose, to_html
from sqlkiln.scoring.curve import Latency

TROUBLE = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


def point(strategy, right, p95, usd=0.02, first=None):
    return make_point(
        strategy,
        right,
        n=20,
        first=Latency(n=4, p50_s=first, p95_s=first, mean_s=first) if first else None,
        warm=latency(p95, n=16),
        tokens=Tokens(prompt=8000, cached=6000, completion=400),
        read_tokens=100,
        failed=1,
        usd_per_1000=usd,
    )


POINTS = (
    point("greedy", 10, 1.0, first=4.0),
    point("repair", 10, 1.5),
    point("vote:4+link</script>", 14, 4.0, usd=0.08),
)


def curve(*points, **changed):
    fields = {
        "adapter": "a",
        "machine": {"processor": "Abacus", "cores": 2},
        "dataset": "spider",
        "split": "dev",
        "questions_sha256": "0123456789abcdef0",
        "databases_sha256": "fedcba98765432100",
        "questions": 20,
        "seed": 3,
        "version": "0.1",
        "priced_as": "machine",
    }
    return make_curve(*(points or POINTS), **fields | changed)


def test_the_page_says_what_was_measured():
    page = compose(curve())
    assert page.subtitle == (
        "m + a · Abacus, 2 cores · measured 2026-07-11 on 20 questions of spider dev"
    )
    assert [run.name for run in page.runs] == [p.strategy for p in POINTS]
    assert [step.front for step in page.steps] == [True, False, True]
    greedy = page.steps[0]
    assert (greedy.score.right, greedy.score.n, greedy.score.score) == (10, 20, 0.5)
    assert (greedy.p50_s, greedy.p95_s, greedy.first_p50_s) == (0.5, 1.0, 4.0)
    assert page.steps[1].first_p95_s is None
    assert greedy.tokens == 420
    assert [cost.cost for cost in page.costs] == [0.02, 0.02, 0.08]
    facts = {fact.what: fact.values[0] for fact in page.facts}
    assert facts["Questions"] == "20, drawn with seed 3"
    assert facts["Questions sha256"] == "0123456789abcdef"
    assert "Database" not in facts
    assert {f.what for f in compose(curve(database="/x/shop.db")).facts} >= {"Database"}


def test_what_is_in_it_cannot_end_the_script():
    assert "vote:4+link</script>" not in to_html(curve())


def test_without_prices_no_cost_is_drawn():
    assert compose(curve(point("greedy", 10, 1.0, usd=None))).costs == ()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("curve") / "curve.html"
    path.write_text(to_html(curve()), encoding="utf-8")
    browser.open(path)
    browser.wait_for("document.querySelectorAll('.chart svg').length >= 2")
    yield browser
    assert browser.told(*TROUBLE) == []


def texts(page, selector):
    return page.run(f"[...document.querySelectorAll({selector!r})].map((e) => e.innerText.trim())")


def test_charts_and_table_are_drawn(page):
    assert texts(page, "h2") == [
        "Accuracy against seconds",
        "Accuracy against cost",
        "Strategies",
        "Protocol",
    ]
    assert texts(page, "#strategies tbody tr")[0].split("\t") == [
        "greedy", "50.0% of 20", "29.9 to 70.1%", "0.50 s / 1.00 s", "4.00 s / 4.00 s", "420",
        "$0.020", "●",
    ]  # fmt: skip
    drawn = page.run("document.querySelector('#seconds svg').textContent")
    assert all(p.strategy in drawn for p in POINTS)
    assert page.run("document.querySelectorAll('#seconds svg circle').length") == 3
