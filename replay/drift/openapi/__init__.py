"""Recordings compared with an OpenAPI file, such as Stripe's."""
