"""What the published file says: reports, trust, impact, answers, a fact's source line."""
