import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import BackendError, BackendTimeout, UsageError
from sqlkiln.core.plugins import Completion, Message, Request, TokenLogprob, Watch
from sqlkiln.models.scripted import Scripted
from sqlkiln.prompt.render import task
from sqlkiln.search.constrain import Constrained, within
from sqlkiln.search.sample import NO_SQL


class Model:
    """Writes what it is told, one text a request; every word is a token."""

    model = "told"
    slots = 1

    def __init__(self, *texts, refuses=()):
        self.texts = list(texts)
        self.refuses = refuses
        self.requests = []

    def generate(self, request, on_text=None):
        self.requests.append(request)
        if "grammar" in self.refuses and request.grammar:
            raise BackendError("no grammars here; leave it unset")
        if "all" in self.refuses:
            raise BackendTimeout("nothing came; ask again")
        text = self.texts.pop(0)
        words = text.split(" ")
        tokens = [w if i == 0 else f" {w}" for i, w in enumerate(words)]
        return Completion(
            text,
            "stop",
            prompt_tokens=10 * len(self.requests),
            completion_tokens=len(tokens),
            decode_s=1.0,
            logprobs=tuple(TokenLogprob(token, -1.0) for token in tokens if token),
        )

    @property
    def continued(self):
        """What each request goes on from."""
        return [request.messages[-1].content for request in self.requests]

    @property
    def roots(self):
        """The first line of each request's grammar."""
        return [request.grammar.partition("\n")[0] for request in self.requests]


@pytest.fixture
def database(shop):
    database = plugins.open_database(shop)
    yield database
    database.close()


def solve(database, model, target="sql", watch=None, strategy=None, **request):
    template = Request(messages=(), **request)
    asked = task(database.schema(), "how much?", target=target, template=template)
    return (strategy or Constrained()).solve(asked, model, database, watch or Watch())


def test_a_right_answer_takes_one_request_under_the_grammar(database):
    model = Model("SELECT name FROM customer\n")
    solution = solve(database, model)
    assert solution.chosen.sql == "SELECT name FROM customer"
    assert (solution.chosen.result, solution.chosen.error) == (None, None)
    [request] = model.requests
    assert request.grammar.startswith("root ::= os query")
    assert "[cC] [uU] [sS] [tT] [oO] [mM] [eE] [rR]" in request.grammar


JOINED = "SELECT name, total FROM customer JOIN orders ON customer.id = orders.customer_id"


def test_the_one_join_that_fits_is_put_in_without_asking_again(database):
    model = Model("SELECT name, total FROM customer WHERE total > 5")
    solution = solve(database, model)
    assert solution.chosen.sql == f"{JOINED} WHERE total > 5"
    assert len(model.requests) == 1
    assert database.execute(solution.chosen.sql).rows


def test_of_several_things_that_fit_the_model_chooses_one(database):
    model = Model("SELECT id FROM customer AS c JOIN orders AS o ON c.id = o.customer_id", " o.id")
    solution = solve(database, model)
    assert model.continued[1] == "```sql\nSELECT"
    assert model.roots[1] == 'root ::= " c.id" | " o.id"'
    assert solution.chosen.sql == (
        "SELECT o.id FROM customer AS c JOIN orders AS o ON c.id = o.customer_id"
    )


def test_the_model_goes_on_in_scope_where_nobody_knows_what_it_meant(database):
    tail = " city = 'Rome'"
    model = Model("SELECT name FROM customer WHERE town = 'Rome' LIMIT 1", tail)
    solution = solve(database, model)
    assert model.continued[1] == "```sql\nSELECT name FROM customer WHERE"
    assert "gexpr-s0" in model.roots[1]
    assert solution.chosen.sql == "SELECT name FROM customer WHERE city = 'Rome'"


def test_the_rest_is_always_anew_if_asked(database):
    strategy = plugins.open_strategy("constrained:anew")
    model = Model("SELECT name, total FROM customer WHERE total > 5", " LIMIT 1")
    solution = solve(database, model, strategy=strategy)
    assert model.continued == ["```sql\n", f"```sql\n{JOINED}"]
    assert solution.chosen.sql == f"{JOINED} LIMIT 1"
    assert strategy.name == "constrained:anew"


def test_several_faults_are_mended_one_after_the_other(database):
    model = Model("SELECT T2.total FROM customer AS T1 WHERE T1.city = 'Rome' AND T1.id = T2.id")
    assert solve(database, model).chosen.sql == (
        "SELECT T2.total FROM customer AS T1 JOIN orders AS T2 ON T1.id = T2.customer_id"
        " WHERE T1.city = 'Rome' AND T1.id = T2.id"
    )
    model = Model(
        "SELECT total FROM orders WHERE customer_id IN (SELECT customer_id FROM customer)"
    )
    assert solve(database, model).chosen.sql == (
        "SELECT total FROM orders WHERE customer_id IN (SELECT customer_id FROM customer"
        " JOIN orders ON customer.id = orders.customer_id)"
    )


def test_every_target_reads_back_what_it_writes(database):
    answers = {
        "qualified": "SELECT customer.name FROM customer",
        "from_first": "FROM customer SELECT name",
        "sql": "SELECT name FROM customer",
    }
    for target, written in answers.items():
        assert solve(database, Model(written), target).chosen.sql == "SELECT name FROM customer"


def test_a_target_that_is_more_than_a_query_is_not_constrained(database):
    model = Model("scan customer\n*/\nSELECT town FROM customer")
    assert solve(database, model, "plan").chosen.sql == "SELECT town FROM customer"
    assert model.roots == [""]


def test_what_was_cut_off_counts_as_cost_but_not_as_text(database):
    strategy = plugins.open_strategy("constrained:anew")
    model = Model("SELECT name, total FROM customer WHERE 1", " WHERE total > 5")
    completion = solve(database, model, strategy=strategy, logprobs=1).chosen.completion
    assert completion.text == f"{JOINED} WHERE total > 5"
    assert completion.completion_tokens == 7 + 5
    assert (completion.prompt_tokens, completion.decode_s) == (10, 2.0)
    assert [t.token for t in completion.logprobs] == [
        *["SELECT", " name,", " total", " FROM", " customer"],
        *[" WHERE", " total", " >", " 5"],
    ]


def test_tokens_stay_known_around_what_was_put_in(database):
    model = Model("SELECT name, total FROM customer WHERE total > 5")
    completion = solve(database, model, logprobs=1).chosen.completion
    assert completion.text == f"{JOINED} WHERE total > 5"
    assert [t.token for t in completion.logprobs] == [
        *["SELECT", " name,", " total", " FROM", " customer"],
        *[" WHERE", " total", " >", " 5"],
    ]


def test_tokens_are_never_more_than_asked_for(database):
    strategy = plugins.open_strategy("constrained:anew")
    model = Model("SELECT name, total FROM customer WHERE 1", " WHERE 1")
    solve(database, model, strategy=strategy, max_tokens=9)
    assert [request.max_tokens for request in model.requests] == [9, 2]
    model = Model("SELECT name, total FROM customer WHERE 1")
    assert solve(database, model, max_tokens=7).chosen.sql.endswith("customer WHERE 1")


def test_an_answer_that_cannot_be_put_right_is_taken_as_it_is(database):
    wrong = "SELECT name FROM customer ORDER BY who"
    model = Model(wrong, " who")
    assert solve(database, model).chosen.sql == wrong
    assert len(model.requests) == 2


def test_names_may_be_out_of_scope_if_asked(database):
    model = Model("SELECT total FROM customer")
    strategy = plugins.open_strategy("constrained:names")
    assert strategy.name == "constrained:names"
    assert solve(database, model, strategy=strategy).chosen.sql == "SELECT total FROM customer"


def test_other_settings_are_refused():
    with pytest.raises(UsageError, match="cannot read the settings ':8'"):
        plugins.open_strategy("constrained:8")


def test_a_backend_without_grammars_is_asked_without(database):
    model = Model("SELECT town FROM customer", refuses=("grammar",))
    seen = []
    assert solve(database, model, watch=Watch(on_text=seen.append)).chosen.sql
    assert [bool(request.grammar) for request in model.requests] == [True, False]
    assert solve(database, Scripted(["SELECT 1"])).chosen.sql == "SELECT 1"


def test_other_trouble_with_the_backend_is_raised(database):
    with pytest.raises(BackendTimeout, match="nothing came"):
        solve(database, Model(refuses=("all",)))
    with pytest.raises(BackendError, match="the script has no answer"):
        solve(database, Scripted([]))


def test_text_is_shown_once_it_is_certain(database):
    seen = []
    model = Model("SELECT name, total FROM customer")
    solve(database, model, watch=Watch(on_text=seen.append))
    assert "".join(seen).endswith("JOIN orders ON customer.id = orders.customer_id")
    assert "".join(seen).count("SELECT") == 1


def test_no_sql_is_no_answer(database):
    assert solve(database, Model("")).chosen.error == NO_SQL


def test_a_request_without_a_prefill_is_gone_on_from_as_well(database):
    model = Model("SELECT name, total FROM customer", " LIMIT 1")
    asked = within(model, database.schema(), "sql", keep=False)
    completion = asked.generate(Request(messages=(Message("user", "how much?"),)))
    assert completion.text.endswith("orders.customer_id LIMIT 1")
    assert model.requests[1].messages[-1].role == "assistant"
    assert (asked.model, asked.slots) == ("told", 1)
