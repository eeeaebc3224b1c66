"""The digest of a set's content, without reading every file again at every run.

What was computed is remembered under a stamp of the files' names, sizes and times of change. A set
with a file changed in the last seconds has no stamp: it might change again within the same tick of
the file system's clock.
"""

import logging
import re
import time

from stylegen.data.cachefolder import WORTH_SEC, data_cache, make_room, mark_used
from stylegen.data.sources import Source
from stylegen.errors import InputError
from stylegen.files import atomic_path

_log = logging.getLogger(__name__)


def content_digest(source: Source) -> str:
    """Return ``source.digest()``, from an earlier run if no file has changed since.

    Raises:
        OSError: the system refuses to read.
    """
    stamp = source.stamp()
    path = data_cache() / f"{stamp}.digest"
    if stamp is not None:
        try:
            found = path.read_text(encoding="ascii")
        except (OSError, ValueError):
            found = ""
        if re.fullmatch("[0-9a-f]{64}", found):
            mark_used(path)
            return found
    begin = time.perf_counter()
    digest = source.digest()
    if stamp and time.perf_counter() - begin >= WORTH_SEC and source.stamp() == stamp:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if make_room(path.parent, len(digest)):
                with atomic_path(path, durable=False) as temporary:
                    temporary.write_text(digest, encoding="ascii")
        except (OSError, InputError) as error:
            _log.info("the digest of %s is not kept: %s", source.path, error)
    return digest
