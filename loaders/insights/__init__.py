"""Read the published file: reports, trust, impact, answers, a fact's source line."""
