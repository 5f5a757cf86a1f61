import subprocess
import sys

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import (
    DatabaseUnreadable,
    MissingDependency,
    ModelNotFound,
    UsageError,
)


def test_every_kind_has_entries_of_our_own():
    for kind in plugins.KINDS:
        assert plugins.names(kind), kind
        assert list(plugins.names(kind)) == sorted(plugins.names(kind))


def test_a_third_party_is_found_by_its_entry_point(demo_plugin):
    assert {"draw", "predict", "evaluate"} <= set(plugins.names("stages"))
    assert plugins.load("stages", "draw").name == "draw"


def test_naming_them_imports_none_of_them():
    script = """
import sys
from sqlkiln.core import plugins
before = set(sys.modules)
for kind in plugins.KINDS:
    plugins.names(kind)
print([name for name in set(sys.modules) - before if name.startswith("sqlkiln")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_a_plug_in_whose_package_is_not_installed_is_named(demo_plugin):
    message = r"cannot load 'luck' of metrics: no module named 'dice_that_nobody_has'; install"
    with pytest.raises(MissingDependency, match=message):
        plugins.load("metrics", "luck")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"unknown metrics entry: 'fame'; known are exact_match"):
        plugins.load("metrics", "fame")


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"unknown plug point: 'teachers'; the plug points are"):
        plugins.names("teachers")


def test_a_database_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatabaseUnreadable, match=r"no such database: .*gone\.db; check the path"):
        plugins.open_database(tmp_path / "gone.db")


def test_a_file_that_no_kind_of_database_accepts_is_named(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear Ann,\n")
    with pytest.raises(DatabaseUnreadable, match=r"not a database: .*letter\.txt is none of"):
        plugins.open_database(tmp_path / "letter.txt")


def test_a_model_that_no_backend_accepts_is_named():
    with pytest.raises(ModelNotFound, match=r"no such model: 'gpt-0' is neither in the catalogue"):
        plugins.open_backend("gpt-0")
