"""What tests of several folders share."""

from pathlib import Path

import pytest

from sqlkiln.core import plugins

PLUGIN = Path(__file__).parent / "fixtures" / "plugin"


@pytest.fixture
def demo_plugin(monkeypatch):
    """An installed third-party plug-in with the stages 'draw' and 'total'; its folder."""
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    monkeypatch.setattr(plugins, "_cache", plugins._Cache())
    return PLUGIN
