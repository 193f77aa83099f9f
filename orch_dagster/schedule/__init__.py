"""Which business dates are due; pure rules."""
