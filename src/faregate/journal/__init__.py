"""The journal: what was let in and how it ended, on the local disk before anyone is told."""
