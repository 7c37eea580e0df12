"""The ledger and its counters: what is kept, and where."""
