from sqlkiln.models.credentials import api_key, read_env_file, setting


def test_keys_are_looked_for_in_order(no_settings, monkeypatch):
    assert api_key() == ""
    (no_settings / ".env").write_text("OPENAI_API_KEY=from-file\n")
    assert api_key() == "from-file"
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    assert api_key() == "from-environment"
    (no_settings / ".env").write_text("SQLKILN_API_KEY=ours-from-file\n")
    assert api_key() == "ours-from-file"
    assert api_key("given") == "given"


def test_an_empty_key_means_none(no_settings, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("SQLKILN_API_KEY", "")
    assert api_key() == ""


def test_env_files(tmp_path):
    path = tmp_path / ".env"
    path.write_text(
        "# comment\n\nA=1\nexport B = two words \nC='quo # ted'\nD=\"x\"\nE=v # why\nF=\n"
        "G=a#b\nnonsense\nH=$A\nI='\n"
    )
    assert read_env_file(path) == {
        "A": "1",
        "B": "two words",
        "C": "quo # ted",
        "D": "x",
        "E": "v",
        "F": "",
        "G": "a#b",
        "H": "$A",
        "I": "'",
    }


def test_unreadable_env_files_are_empty(no_settings):
    (no_settings / ".env").write_bytes(b"\xff\xfe")
    assert setting("A") is None
    (no_settings / ".env").unlink()
    (no_settings / ".env").mkdir()
    assert setting("A") is None
