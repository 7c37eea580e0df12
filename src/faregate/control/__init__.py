"""What a person changes: keys, teams, users, budgets, prices. Checked first, audited always."""
