from contextlib import closing
from random import Random

import pytest

from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.data.spider import Spider
from sqlkiln.prompt.link import focus, link
from sqlkiln.prompt.needs import needs_of
from sqlkiln.prompt.serialize import serialize
from sqlkiln.sql.values import open_index


@pytest.mark.slow
def test_what_golds_of_spider_need_is_kept_in_less_text(spider_data, tmp_path):
    dataset = Spider.open(DatasetOptions(data=spider_data, split="train"))
    asked = {}
    for example in dataset.examples()[:7000]:
        asked.setdefault(example.db_id, []).append(example)
    rng, outcomes = Random(7), []
    for db_id in rng.sample([d for d in asked if dataset.database_path(d)], 12):
        with closing(open_database(dataset.database_path(db_id))) as database:
            schema = database.schema(0)
            with open_index(database, schema, folder=tmp_path) as index:
                for example in rng.sample(asked[db_id], 8):
                    linked = link(schema, example.question, index.search(example.question))
                    focused = focus(schema, linked).schema
                    outcomes.append(outcome(schema, focused, example.gold_sql))
    tables, columns, lengths = map(list, zip(*outcomes, strict=True))
    assert len(tables) == 96
    assert sum(tables) >= 0.95 * 96
    assert sum(columns) >= 0.9 * 96
    assert sum(lengths) <= 0.75 * 96


def outcome(schema, focused, gold):
    """Whether all tables and all columns that `gold` needs are there, and the share of text."""
    needs = needs_of(schema, gold)
    kept = {t.name.lower(): {c.name.lower() for c in t.columns} for t in focused.tables}
    needed = {
        t.name.lower(): {c.name.lower() for c in t.columns} & needs.columns
        for t in schema.tables
        if t.name.lower() in needs.tables
    }
    columns = all(names <= kept.get(name, set()) for name, names in needed.items())
    return needed.keys() <= kept.keys(), columns, len(serialize(focused)) / len(serialize(schema))
