"""Batch-generation job runner."""
