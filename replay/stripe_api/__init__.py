"""Stripe's API as replay knows it: paths, calls, versions, headers. Data and pure functions."""
