"""Revisions. Each stands alone: it never imports today's tables, which go on changing."""
