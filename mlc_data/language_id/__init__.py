"""Language identification: the protocol, the identifiers, their labels and how reliable they are."""
