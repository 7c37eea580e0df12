"""The admin API: the control plane over HTTP. Imported with its first request, not before."""
