"""Wire formats, one file each. Pure; none of them knows a provider's name."""
