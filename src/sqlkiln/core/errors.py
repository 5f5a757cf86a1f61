"""Every error that sqlkiln raises on purpose, each with the exit code it ends the command with.

The message form is "what happened: what was found; what to do"::

    SqlkilnError                    exit 1
    +-- UsageError                  exit 2   wrong argument or option
    |   +-- RecipeError                      wrong recipe
    |   +-- DataError                        a file's content is not what it should be
    +-- EnvironmentFault            exit 3   the machine, not the request
    |   +-- MissingDependency                an extra is not installed
    |   +-- ModelNotFound                    no such model, or it cannot be fetched
    |   +-- ModelCorrupt                     a model file is cut short or has another hash
    |   +-- StorageFull                      no room on the disk
    |   +-- BackendError                     the model failed to answer
    |       +-- BackendAuthError             the server refused the key
    |       +-- BackendRateLimited           the server said 'slow down' to the last retry
    |       +-- BackendTimeout               no answer in time
    |       +-- ContextOverflow              the prompt does not fit the model
    +-- DatabaseError               exit 1
        +-- DatabaseUnreadable      exit 2   no such file, not a database, nothing in it
        +-- QueryError                       one statement was not answered
            +-- StatementRefused             not one single read query
            +-- QueryTimeout                 the deadline passed
            +-- ResourceExceeded             a memory, size or nesting cap was hit
            +-- SQLSyntaxError               the engine cannot parse it
            +-- UnknownName                  a table, column or function that does not exist
            +-- QueryFailed                  any other error of the engine
"""


class SqlkilnError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(SqlkilnError):
    """A wrong argument or option."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be run as written."""


class DataError(UsageError):
    """A file whose content is not what it should be; names file and line."""


class EnvironmentFault(SqlkilnError):
    """The machine, the network or the installation, not the request."""

    exit_code = 3


class MissingDependency(EnvironmentFault):
    """An optional package is not installed."""


class ModelNotFound(EnvironmentFault):
    """No such model, or no source delivers it."""


class ModelCorrupt(EnvironmentFault):
    """A model file is cut short, or its sha256 is not the pinned one."""


class StorageFull(EnvironmentFault):
    """The disk has no room for what must be written."""


class BackendError(EnvironmentFault):
    """A model backend failed to answer."""


class BackendAuthError(BackendError):
    """The server refused the key (HTTP 401, 403)."""


class BackendRateLimited(BackendError):
    """The server still said 'slow down' (HTTP 429) at the last retry."""


class BackendTimeout(BackendError):
    """No answer within the time allowed."""


class ContextOverflow(BackendError):
    """The prompt does not fit into the model's context window."""


class DatabaseError(SqlkilnError):
    """A database could not be opened or did not answer."""


class DatabaseUnreadable(DatabaseError):
    """No such file, not a database, or nothing in it."""

    exit_code = 2


class QueryError(DatabaseError):
    """One statement was not answered; the base of what execution raises."""


class StatementRefused(QueryError):
    """The statement is not one single read query."""


class QueryTimeout(QueryError):
    """The deadline passed before the statement was answered."""


class ResourceExceeded(QueryError):
    """A memory, size or nesting cap was hit."""


class SQLSyntaxError(QueryError):
    """The engine cannot parse the statement."""


class UnknownName(QueryError):
    """The statement names a table, column or function that does not exist."""


class QueryFailed(QueryError):
    """Any other error that the engine reports."""
