"""Where sqlkiln keeps what can be made or fetched again."""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for things of one `kind`, in `SQLKILN_CACHE_DIR` or the user's own cache.

    It need not exist yet.
    """
    override = os.environ.get("SQLKILN_CACHE_DIR")
    if override:
        return Path(override).expanduser().absolute() / kind
    import platformdirs

    return platformdirs.user_cache_path("sqlkiln") / kind
