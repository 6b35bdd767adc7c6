"""Record what Stripe answers, replay it offline, prove what a version upgrade breaks."""
