"""Recordings held against Stripe's OpenAPI file."""
