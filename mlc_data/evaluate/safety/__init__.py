"""Safety evaluation: replies to prompts in many languages, and judgments of them."""
