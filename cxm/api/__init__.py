"""What every REST resource shares: parsing with limits, problems, pages, entity tags, idempotency, throttles."""
