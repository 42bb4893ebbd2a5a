"""What an English request asks for: polarity, request, words."""
