"""Decoders, one module for each module of models."""
