import pytest

from sqlkiln.core.plugins import Message
from sqlkiln.models.continuation import Continuation, asked_in_words

FENCE = "```sql\n"


def fed(pieces, prefill=FENCE, stops=("```",)):
    continuation = Continuation(prefill, stops)
    given = []
    for piece in pieces:
        given.append(continuation.feed(piece))
        if continuation.ended:
            return given
    return [*given, continuation.feed("", last=True)]


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("```sql\nSELECT 1\n```", "SELECT 1\n"),
        ("```sql\nSELECT 1", "SELECT 1"),
        ("Here you are:\n\n```sql\nSELECT 1\n``` It counts.", "SELECT 1\n"),
        ("```sql SELECT 1", " SELECT 1"),
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1\n``` more", "SELECT 1\n"),
        ("SELECT '`' ``x", "SELECT '`' ``x"),
        ("", ""),
    ],
)
def test_pieces_of_any_size_give_what_follows_the_prefill(answer, rest):
    for size in (1, 2, 3, 5, 100):
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        assert "".join(fed(pieces)) == rest


def test_text_is_given_as_soon_as_it_is_certain():
    assert fed(["``", "`sql\n", "SEL", "ECT `", "x` ``", "` no"]) == [
        "", "", "SEL", "ECT ", "`x` ", "",
    ]  # fmt: skip


def test_without_prefill_and_stops_everything_passes():
    assert fed(["a", "`", "b"], "", ()) == ["a", "`", "b", ""]


def test_the_last_message_of_the_user_asks_for_the_prefill():
    system, user = Message("system", "s"), Message("user", "q")
    messages = asked_in_words([system, user, Message("assistant", FENCE)])
    assert messages[0] is system
    assert [message.role for message in messages] == ["system", "user"]
    assert messages[1].content.startswith("q\n\nBegin your answer with exactly this")
    assert messages[1].content.endswith(FENCE)
