"""The HTML report, looked at in Chromium."""

import pytest

TROUBLE = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


@pytest.fixture(scope="module")
def page(browser, write_report, runs):
    """The report on alpha and beta, opened."""
    path = write_report(*runs)
    browser.open(path)
    browser.address = path.resolve().as_uri()
    browser.wait_for("document.querySelectorAll('.chart svg').length >= 5")
    yield browser
    assert browser.told(*TROUBLE) == []


@pytest.fixture
def all_rows(page):
    """The page, with no filter set."""
    page.run("document.getElementById('clear').click()")
    return page


def text(page, selector):
    return page.run(f"document.querySelector({selector!r}).innerText")


def texts(page, selector):
    found = f"[...document.querySelectorAll({selector!r})]"
    return page.run(f"{found}.map((e) => e.innerText.trim())")


def choose(page, name, value):
    control = f"document.getElementById({name!r})"
    page.run(f"{control}.value = {value!r}; {control}.dispatchEvent(new Event('change'))")


def shown(page):
    """The questions in the list."""
    return texts(page, ".row .text")


def test_it_asks_the_network_for_nothing(page):
    asked = [event["request"]["url"] for event in page.told("Network.requestWillBeSent")]
    assert page.address in asked
    assert [url for url in asked if url != page.address and not url.startswith("data:")] == []


def test_headline_numbers_are_those_of_the_runs(page):
    assert text(page, "h1") == "Jsonl dev"
    assert "8 of 8 questions · 2 runs · fingerprint " in text(page, "#subtitle")
    assert texts(page, ".run .name") == ["alpha", "beta"]
    assert texts(page, ".run .big") == ["62.5%", "75.0%"]
    assert "5 of 8 rows" in text(page, ".run .what")
    assert texts(page, ".run:first-child .modes td:first-child")[:2] == [
        "execution (spider)",
        "execution (bird)",
    ]


def test_every_part_is_there(page):
    assert texts(page, "h2") == [
        "Scores",
        "Run against run",
        "Protocol",
        "Where it is right",
        "Why it is wrong",
        "Clause by clause",
        "Rows",
    ]
    assert texts(page, "#why h3")[:2] == ["alpha: 3 wrong rows", "beta: 2 wrong rows"]
    assert "+12.50 (" in text(page, "#pairs tbody tr")
    assert texts(page, "#components h3") == ["alpha", "beta"]
    assert text(page, "#components tbody tr").startswith("select\t93.3% (100.0%, 87.5%)")
    assert "made elsewhere: " in text(page, "#protocol")


def test_search_finds_questions_sql_and_reasons(all_rows):
    page = all_rows
    assert text(page, "#count") == "8 of 8 rows"
    for asked, found in (("strongest", 1), ("PET count(*)", 2), ("nowhere", 0), ("model", 1)):
        page.run(
            f"document.getElementById('search').value = {asked!r};"
            "document.getElementById('search').dispatchEvent(new Event('input'))"
        )
        page.wait_for(f"document.getElementById('count').innerText.startsWith('{found} of 8')")
    assert shown(page) == ["Which car is the strongest?"]
    assert "UnknownName" in text(page, "#detail")


def test_filters(all_rows):
    page = all_rows
    choose(page, "filter-verdict", "wrong")
    assert text(page, "#count") == "4 of 8 rows"
    choose(page, "filter-run", "1")
    assert shown(page) == ["Names of pets?", "How many of each kind?"]
    choose(page, "filter-db", "cars")
    assert shown(page) == []
    assert "No row fits" in text(page, "#detail")
    page.run("document.getElementById('clear').click()")
    assert len(shown(page)) == 8
    page.run("document.getElementById('filter-modes').click()")
    assert [question[:15] for question in shown(page)] == ["Names and ages?"]
    page.run("document.getElementById('clear').click()")
    page.run("document.getElementById('filter-runs').click()")
    assert text(page, "#count") == "3 of 8 rows"
    page.run("document.getElementById('clear').click()")
    choose(page, "filter-label", "sql_wrong_schema")
    assert shown(page) == ["Which car is the strongest?"]
    page.run("document.getElementById('clear').click()")
    choose(page, "filter-feature", "group")
    assert shown(page) == ["How many of each kind?"]


def test_gained_rows_can_be_read(all_rows):
    page = all_rows
    page.run("document.querySelector('#pairs .linkish').click()")
    assert text(page, "#count") == "2 of 8 rows, gained by beta against alpha"
    assert "Which car is the strongest?" in shown(page)


def test_a_bar_and_a_level_lead_to_their_rows(all_rows):
    page = all_rows
    page.click("#why .card:nth-of-type(2) svg rect")
    page.wait_for("document.getElementById('filter-run').value === '1'")
    label = page.run("document.getElementById('filter-label').value")
    assert f" {label} " in f" {' '.join(texts(page, '.answer:nth-of-type(2) .badge'))} "
    assert text(page, "#count") == "1 of 8 rows"
    page.click("#where .chart circle")
    page.wait_for("document.getElementById('filter-level').value !== ''")
    assert page.run("document.getElementById('filter-run').value") == ""


def test_a_row_shows_the_difference_and_the_results(all_rows):
    page = all_rows
    choose(page, "filter-label", "sql_wrong_group")
    page.run("document.querySelector('.row').click()")
    assert text(page, "#detail h3") == "How many of each kind?"
    assert texts(page, ".answer strong") == ["alpha", "beta"]
    assert texts(page, ".answer:nth-of-type(1) .gold mark") == ["GROUP BY kind"]
    assert texts(page, ".answer:nth-of-type(2) .gold mark") == [", count(*)"]
    assert "in gold only (the result has 2 rows)" in text(page, ".results")
    assert "cat" in text(page, ".results")


def test_what_questions_and_predictions_hold_is_text(all_rows, hostile):
    page = all_rows
    page.run("explorer.filter({ text: 'Names and ages' })")
    page.run("document.querySelector('.row').click()")
    assert hostile in text(page, "#detail h3")
    assert page.run("document.title") == "Jsonl dev: sqlkiln report"
    assert page.run("document.querySelectorAll('main img').length") == 0


def test_the_list_can_be_used_with_keys(all_rows):
    page = all_rows
    page.run("document.querySelector('.row').click()")
    for key, place in (("ArrowDown", 1), ("End", 7), ("ArrowUp", 6), ("Home", 0)):
        event = f"new KeyboardEvent('keydown', {{key: {key!r}}})"
        page.run(f"document.querySelector('.list').dispatchEvent({event})")
        assert page.run("document.querySelector('.row[aria-selected=true]').id") == f"row-{place}"


def test_another_metric_and_the_dark(page):
    before = text(page, "#where .chart")
    page.run("document.querySelector('[data-value=\"execution.spider\"]').click()")
    assert text(page, "#where .chart") != before
    light = page.run("getComputedStyle(document.body).backgroundColor")
    page.run("document.getElementById('theme').click()")
    assert page.run("getComputedStyle(document.body).backgroundColor") != light


def test_confidences_are_drawn(browser, write_report, write_run):
    draws = [(float((7 * i) % 10 < i // 5), i / 50) for i in range(50)]
    rows = [
        {"id": f"q{i}", "scores": {"execution": right}, "prediction": {"confidence": sure}}
        for i, (right, sure) in enumerate(draws)
    ]
    browser.open(write_report(write_run("sure", rows), write_run("silent", {"q0": 1.0})))
    browser.wait_for("document.querySelectorAll('#confidence .chart svg').length === 2")
    assert texts(browser, "#confidence h3") == ["Reliability", "Wrong answers by coverage"]
    assert len(texts(browser, "#confidence tbody tr")) == 1
    assert (
        browser.run("document.querySelectorAll('#confidence .card:first-child circle').length")
        == 10
    )
    assert browser.told(*TROUBLE) == []


def test_ten_thousand_rows_are_no_burden(browser, write_report, large_run):
    path = write_report(large_run)
    assert path.stat().st_size < 12 * 2**20
    browser.open(path)
    browser.wait_for("document.querySelectorAll('.row').length > 0")
    assert text(browser, "#count") == "10,000 of 10,000 rows"
    assert browser.run("document.querySelectorAll('.row').length") < 60
    browser.run("document.querySelector('.list').scrollTop = 1e9")
    browser.wait_for("[...document.querySelectorAll('.row')].at(-1).ariaPosInSet === '10000'")
    assert browser.run("document.querySelectorAll('.row').length") < 60
    browser.run("explorer.filter({ text: 'strongest' })")
    taken_ms = browser.run(
        "(() => { const from = performance.now(); explorer.filter({ text: 'names ages' });"
        " return performance.now() - from })()"
    )
    assert text(browser, "#count") == "1,250 of 10,000 rows"
    assert taken_ms < 1000
    assert len(texts(browser, "#cost h3")) == 1
    assert browser.told(*TROUBLE) == []
