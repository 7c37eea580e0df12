"""The schema's history: one file a revision, run in order when a store opens."""
