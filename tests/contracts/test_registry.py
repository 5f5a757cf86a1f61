"""What every registered plug-in must offer, whoever registered it."""

import inspect
from importlib.metadata import entry_points

import pytest

from sqlkiln.core import plugins

PROTOCOLS = {
    "backends": plugins.Backend,
    "databases": plugins.Database,
    "datasets": plugins.Dataset,
    "metrics": plugins.Metric,
    "strategies": plugins.Strategy,
}
CLASSES = [(kind, name) for kind in PROTOCOLS for name in plugins.names(kind)]


def test_every_kind_is_examined():
    assert {*PROTOCOLS, "stages"} == set(plugins.KINDS)
    for kind in plugins.KINDS:
        assert len(plugins.names(kind)) >= 2, f"{kind}: a plug point has two real implementations"


def test_no_name_is_registered_twice():
    for kind in plugins.KINDS:
        registered = [entry.name for entry in entry_points(group=f"sqlkiln.{kind}")]
        assert sorted(registered) == list(plugins.names(kind))


def methods(protocol):
    return {
        name: member
        for name, member in vars(protocol).items()
        if not name.startswith("_") and isinstance(member, classmethod | type(lambda: None))
    }


@pytest.mark.parametrize(("kind", "name"), CLASSES, ids=lambda part: part)
def test_a_class_takes_what_its_protocol_hands_over(kind, name):
    offered = plugins.load(kind, name)
    assert inspect.isclass(offered)
    assert inspect.getdoc(offered)
    wanted = methods(PROTOCOLS[kind])
    assert wanted
    for method, declared in wanted.items():
        found = inspect.getattr_static(offered, method)
        assert isinstance(found, classmethod) == isinstance(declared, classmethod), method
        theirs = list(inspect.signature(getattr(PROTOCOLS[kind], method)).parameters.values())
        ours = list(inspect.signature(getattr(offered, method)).parameters.values())
        assert [p.name for p in ours][: len(theirs)] == [p.name for p in theirs], method
        assert all(p.default is not p.empty for p in ours[len(theirs) :]), method
        assert all(
            (mine.default is mine.empty) <= (yours.default is yours.empty)
            for mine, yours in zip(ours, theirs, strict=False)
        ), f"{method} must have the defaults that the protocol has"


@pytest.mark.parametrize(
    ("kind", "name"), [pair for pair in CLASSES if pair[0] in ("metrics", "strategies")]
)
def test_metrics_and_strategies_are_made_without_arguments_and_know_their_name(kind, name):
    made = plugins.load(kind, name)()
    assert isinstance(made, PROTOCOLS[kind])
    assert made.name == name
