"""The names Redis gives the scripts."""

from hashlib import sha1

from faregate.store.redis_repairs import RAISE
from faregate.store.redis_scripts import BEAT, CLOSE, FORGET, INHERIT, RESERVE, RESTORE

DIGESTS = {
    each: sha1(each.encode(), usedforsecurity=False).hexdigest()
    for each in (RESERVE, CLOSE, BEAT, INHERIT, RESTORE, FORGET, RAISE)
}
"""By the script's text."""
