"""Which photos the names in an annotation file may mean that are no photo's."""

import collections
import urllib.parse
from collections.abc import Iterable, Sequence

from scaf_jax.files import spellings


def meant(names: Iterable[str], photos: Sequence[str]) -> dict[str, str]:
    """Returns the photo that a name may mean, where just one has its last part.

    That may be spelled with other capital letters, as in URLs, or without its ending.

    Args:
      names: That are no photo's.
      photos: Paths of photos.
    """
    alike: dict[str, list[str]] = collections.defaultdict(list)
    for photo in photos:
        last = _last(photo)
        for spelling in {last, last.rpartition(".")[0]}:
            alike[spelling].append(photo)
    found = {}
    for name in names:
        last = _last(name)
        fitting = alike.get(last) or alike.get(last.rpartition(".")[0], [])
        if len(fitting) == 1:
            found[name] = fitting[0]
    return found


def _last(name: str) -> str:
    """A name's last part, as names are compared here."""
    plain = spellings.plain(urllib.parse.unquote(name)).replace("\\", "/")
    return " ".join(plain.rpartition("/")[2].casefold().split())
