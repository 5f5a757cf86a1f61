from pathlib import Path

import pytest
from adapter_files import write_adapter

from sqlkiln.core.errors import DataError, ModelCorrupt, ModelNotFound, UsageError
from sqlkiln.models import adapters
from sqlkiln.models.adapters import Card
from sqlkiln.models.card_text import card_text
from sqlkiln.models.catalog import MODELS

QWEN = "qwen2.5-coder-0.5b"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folders of shipped adapters and of the user's own."""
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    monkeypatch.setattr(adapters, "shipped_folder", lambda: shipped)
    monkeypatch.setenv("SQLKILN_ADAPTER_DIR", str(own))
    return shipped, own


def test_adapters_are_found_by_name_or_path_the_users_own_first(folders, tmp_path):
    shipped, own = folders
    write_adapter(shipped / "nano.gguf")
    write_adapter(shipped / "other.gguf")
    assert adapters.find("nano") == shipped / "nano.gguf"
    write_adapter(own / "nano.gguf")
    assert adapters.find("nano") == own / "nano.gguf"
    assert sorted(adapters.known()) == ["nano", "other"]
    elsewhere = write_adapter(tmp_path / "x.gguf")
    assert adapters.find(elsewhere) == tmp_path / "x.gguf"


def test_an_unknown_adapter_is_refused_with_those_there_are(folders):
    shipped, _ = folders
    with pytest.raises(ModelNotFound, match=r"no such adapter: nano; give .* list` shows: none"):
        adapters.find("nano")
    write_adapter(shipped / "nano-sql.gguf")
    with pytest.raises(ModelNotFound, match="did you mean 'nano-sql'"):
        adapters.find("nano-sq")


def test_a_card_is_read_back(tmp_path):
    path = tmp_path / "a.gguf"
    write_adapter(path, model=QWEN, target="from_first", scores={"EX": 64.5}, data="Spider: é")
    card = adapters.read_card(path)
    assert (card.name, card.model, card.target, card.scores) == (
        "a",
        QWEN,
        "from_first",
        {"EX": 64.5},
    )
    assert card.data == "Spider: é"
    write_adapter(path)
    assert adapters.read_card(path) is None


def test_a_card_of_another_version_is_refused(tmp_path):
    path = tmp_path / "a.gguf"
    write_adapter(path, target="sql")
    path.write_bytes(path.read_bytes().replace(b'"target":', b'"tarket":'))
    with pytest.raises(DataError, match=r"a\.gguf, sqlkiln\.card: wrong field 'tarket'"):
        adapters.read_card(path)


def test_an_adapter_of_another_model_is_refused(tmp_path):
    path = write_adapter(tmp_path / "a.gguf", model=QWEN)
    with pytest.raises(UsageError, match=r"was trained on qwen.*, not on smollm2-135m; use --m"):
        adapters.find_for("smollm2-135m", path)
    assert adapters.find_for(QWEN, path) == tmp_path / "a.gguf"
    assert adapters.find_for("some/file.gguf", path) == tmp_path / "a.gguf"


def test_a_base_is_known_by_its_sha256_too(tmp_path):
    digest = MODELS[QWEN].sha256
    path = write_adapter(tmp_path / "a.gguf", model="/models/qwen.gguf", model_sha256=digest)
    assert adapters.find_for(QWEN, path) == tmp_path / "a.gguf"
    with pytest.raises(UsageError, match=r"trained on /models/qwen\.gguf, not on smollm2-135m"):
        adapters.find_for("smollm2-135m", path)


def test_a_base_is_known_by_its_name_on_the_hub_too(tmp_path):
    hub = "Qwen/Qwen2.5-Coder-0.5B-Instruct"
    assert adapters.catalogue_name(hub) == QWEN
    assert adapters.catalogue_name("microsoft/phi-2") == "microsoft/phi-2"
    path = write_adapter(tmp_path / "a.gguf", model=hub)
    assert adapters.find_for(QWEN, path) == tmp_path / "a.gguf"
    with pytest.raises(UsageError, match=r"trained on Qwen/.*, not on smollm2-135m"):
        adapters.find_for("smollm2-135m", path)


def test_a_model_is_no_adapter(tmp_path):
    path = tmp_path / "m.gguf"
    write_adapter(path)
    path.write_bytes(path.read_bytes().replace(b"\0adapter", b"\0someone"))
    with pytest.raises(ModelCorrupt, match=r"not an adapter: .*m\.gguf is a someone"):
        adapters.find_for(QWEN, str(path))


def test_each_base_has_one_default(folders):
    shipped, own = folders
    write_adapter(shipped / "nano.gguf", model="smollm2-135m")
    write_adapter(own / "mine.gguf", model=QWEN)
    assert adapters.shipped_for("smollm2-135m") == "nano"
    assert adapters.shipped_for(QWEN) is None
    assert adapters.shipped_for("nano.gguf") is None


def test_one_for_a_second_opinion_is_found_and_is_no_default(folders):
    shipped, own = folders
    beside = write_adapter(shipped / "a-beside.gguf", second_to="nano", target="from_first")
    write_adapter(shipped / "nano.gguf", target="qualified")
    write_adapter(shipped / "z-lost.gguf", second_to="nano", model=QWEN)
    assert adapters.shipped_for("smollm2-135m") == "nano"
    assert adapters.second_to("nano", "smollm2-135m") == [Path(beside)]
    assert adapters.second_to("other", "smollm2-135m") == []
    own.mkdir(exist_ok=True)
    (own / "a-broken.gguf").write_bytes(b"GGUF")
    more = write_adapter(own / "more.gguf", second_to="nano", target="plan")
    assert adapters.second_to("nano", "smollm2-135m") == [Path(beside), Path(more)]


def test_what_comes_with_sqlkiln_is_sound():
    shipped = sorted(adapters.shipped_folder().glob("*.gguf"))
    cards = {path: adapters.read_card(adapters.find(str(path))) for path in shipped}
    defaults = [card.model for card in cards.values() if not card.second_to]
    assert len(set(defaults)) == len(defaults)
    assert set(defaults) <= MODELS.keys()
    assert {card.second_to for card in cards.values()} - {""} <= {
        card.name for card in cards.values()
    }
    for path, card in cards.items():
        assert card.model_sha256 == MODELS[card.model].sha256
        assert card.name == path.stem
        assert path.stat().st_size <= 20 * 2**20
        assert path.with_suffix(".md").read_text() == card_text(card)


def test_the_page_says_what_the_card_says():
    card = Card(
        name="a",
        model=QWEN,
        model_sha256="ab",
        rank=16,
        alpha=32,
        examples=8659,
        seed=4,
        recipe="x.toml",
        data="Spider",
        data_licence="CC BY-SA 4.0",
        scores={"EX": 64.5},
    )
    page = card_text(card).splitlines()
    assert page[0] == "# a"
    for line in (
        f"| Base | `{QWEN}` (sha256 `ab`) |",
        "| Prompt | target `sql`, schema style `ddl` |",
        "| Method | lora, rank 16, alpha 32 |",
        "| Recipe | `x.toml`, seed 4 |",
        "| Examples | 8,659 |",
        "| Licence of the data | CC BY-SA 4.0 |",
        "| EX | 64.5 |",
    ):
        assert line in page
    assert not any(line.startswith("| Made") for line in page)
