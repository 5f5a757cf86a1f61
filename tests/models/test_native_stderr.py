import os

from sqlkiln.models import native_stderr


def test_what_goes_to_the_descriptor_is_kept(capfd):
    with native_stderr.captured() as lines:
        os.write(2, b"from C\n\xff\n")
    os.write(2, b"after\n")
    assert lines == ["from C", "\ufffd"]
    assert capfd.readouterr().err == "after\n"
